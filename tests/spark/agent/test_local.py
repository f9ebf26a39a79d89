"""The agent where it cannot scale, cannot listen, or is not wanted: the application comes first."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from airflow_enel.spark.agent_reader import AgentReader
from tests.support.processes.spark_app import Launch
from tests.support.processes.waiting import until

pytestmark = pytest.mark.spark


def test_bounded_buffer_slow_clients_and_no_scaling(launch: Launch) -> None:
    app = launch(
        "local[2]",
        {
            "spark.enel.agent.maxBufferBytes": "8k",
            "spark.driver.extraJavaOptions": "-Dsun.net.httpserver.maxReqTime=2",
        },
        "brief.py",
        0,
    )
    agent = app.agent()
    app.wait_until_working()

    refused = agent.scale(2, epoch=1)
    assert (refused.status_code, refused.json()["accepted"]) == (409, False)
    assert "local[2]" in refused.json()["message"]

    until(lambda: agent.get("/v1/health")["dropped_events"] > 0)
    page = agent.get("/v1/events")
    assert page["first"] > 1
    assert page["events"][0]["seq"] == page["first"]
    assert agent.get("/v1/health")["held_bytes"] <= 8 * 1024

    half_way = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(12)]
    for connection in half_way:
        connection.sendall(b"POST /v1/scale HTTP/1.1\r\nContent-Le")

    def answered() -> bool:
        try:
            return bool(agent.get("/v1/health")["status"] == "running")
        except httpx.TransportError:  # swept away together with those before it
            return False

    until(answered, 15)
    for connection in half_way:
        connection.close()
    assert app.finish() == 0


def test_blocked_port_leaves_the_application_and_its_exit_code_alone(launch: Launch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as blocker:
        port = blocker.getsockname()[1]
        app = launch("local[1]", {"spark.enel.agent.port": str(port)}, "brief.py", 3)
        app.wait_until_working()
        assert app.finish() == 3
    assert "EnelAgent: cannot serve" in app.log
    assert not app.port_file.exists()
    final = AgentReader().read_final(app.final_file)
    assert final is not None
    assert final.ended_at is not None
    assert final.local_mode


def test_without_a_token_everybody_is_refused(launch: Launch) -> None:
    app = launch("local[1]", {"spark.enel.agent.tokenSha256": ""}, "brief.py", 0)
    agent = app.agent(token="any")
    app.wait_until_working()
    assert [agent.client.get(f"/v1/{p}").status_code for p in ("health", "events")] == [401, 401]
    assert agent.scale(1, epoch=1).status_code == 401
    assert "EnelAgent: spark.enel.agent.tokenSha256 is not set" in app.log
    assert app.finish() == 0


def test_malformed_setting_turns_the_agent_off_only(launch: Launch) -> None:
    app = launch("local[1]", {"spark.enel.agent.maxBufferBytes": "a lot"}, "brief.py", 3)
    app.wait_until_working()
    assert app.finish() == 3
    assert "the application runs on without an agent" in app.log
    assert not app.port_file.exists()


def test_the_driver_ends_when_it_is_asked_to(launch: Launch) -> None:
    app = launch("local[1]", {}, "brief.py", 0)
    agent = app.agent()
    app.wait_until_working()
    asked = [
        agent.client.post("/v1/end"),
        agent.client.post("/v1/end?try_number=x"),
        httpx.post(f"http://127.0.0.1:{agent.port}/v1/end?try_number=9", trust_env=False),
    ]
    assert [answer.status_code for answer in asked] == [400, 400, 401]
    assert app.process.poll() is None

    assert agent.client.post("/v1/end?try_number=3").status_code == 200
    assert app.process.wait(30) == 143
    assert json.loads(app.final_file.read_text())["ended"] is True
