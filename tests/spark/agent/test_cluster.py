"""The agent in an application with real executors.

One application lives through all tests of this file, in their order: growing, shrinking, losing an
executor, ending.
"""

from __future__ import annotations

import json
import signal
import stat
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.eventlog import find_logs, read_log
from airflow_enel.spark.reducer import EventReducer
from tests.support.processes.spark_app import CLUSTER, Agent, App, Launch
from tests.support.processes.waiting import until

pytestmark = pytest.mark.spark

TASKS = 8
EPOCHS = count(1)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def app(launch: Launch, logs: Path) -> App:
    conf = {
        **CLUSTER,
        "spark.enel.minExecutors": "2",
        "spark.enel.maxExecutors": "6",
        # Any failed task fails its job, which the report then shows.
        "spark.task.maxFailures": "1",
        "spark.my.password": "hunter2",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": logs.as_uri(),
    }
    app = launch("local-cluster[1,8,8192]", conf, "steady.py", TASKS, 0.4)
    app.wait_until_working()
    return app


@pytest.fixture(scope="module")
def agent(app: App) -> Agent:
    return app.agent()


def completed_stages(agent: Agent) -> list[dict[str, Any]]:
    return agent.events("SparkListenerStageCompleted")


def test_starts_with_its_initial_size(agent: Agent) -> None:
    until(lambda: len(agent.registered()) == 2)
    health = agent.get("/v1/health")
    assert health["status"] == "running"
    assert (health["errors"], health["last_error"], health["dropped_events"]) == (0, None, 0)
    assert health["held_bytes"] > 0


def test_events_are_numbered_from_one_without_gaps(agent: Agent) -> None:
    page = agent.get("/v1/events")
    assert (page["protocol"], page["first"], page["ended"]) == (1, 1, False)
    assert [entry["seq"] for entry in page["events"]] == list(range(1, page["last"] + 1))
    assert page["events"][0]["event"]["Event"] == "SparkListenerLogStart"
    assert page["app_id"] == agent.events("SparkListenerApplicationStart")[0]["App ID"]
    assert agent.get(f"/v1/events?after={page['last'] + 1000}")["events"] == []


def test_no_secret_is_served(agent: Agent) -> None:
    text = json.dumps(agent.events())
    assert "hunter2" not in text
    assert "tokenSha256" not in text
    (environment, *_) = agent.events("SparkListenerEnvironmentUpdate")
    assert environment.keys() == {"Event", "Spark Properties"}
    assert environment["Spark Properties"]["spark.enel.maxExecutors"] == "6"


def test_events_are_trimmed(agent: Agent) -> None:
    stage = completed_stages(agent)[-1]["Stage Info"]
    assert "Details" not in stage
    assert {a["Name"].startswith("internal.metrics.") for a in stage["Accumulables"]} == {True}
    job = agent.events("SparkListenerJobStart")[-1]
    assert job["Properties"] == {"spark.job.description": "steady work"}
    sql = agent.events("org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart")
    assert sql[0].keys() == {"Event", "executionId", "description", "time"}


def test_digest_of_the_tasks_follows_its_stage(agent: Agent) -> None:
    kinds = "SparkListenerStageCompleted", "EnelTaskDigest"
    stage, digest = agent.events(*kinds)[-2:]
    if stage["Event"] == "EnelTaskDigest":  # read between the two
        digest, stage = stage, completed_stages(agent)[-2]
    assert digest["Stage ID"] == stage["Stage Info"]["Stage ID"]
    assert digest["Count"] == TASKS
    assert 400 <= digest["Median Time"] <= digest["Max Time"] < digest["Total Time"]


def test_cached_data_and_the_memory_for_them_are_known(agent: Agent) -> None:
    until(lambda: agent.events("EnelCachedData"))
    reducer = EventReducer()
    for event in agent.events():
        reducer.add(event)
    snapshot = reducer.snapshot(0.0)
    assert 0 < snapshot.cached_bytes < 2**20
    assert 2**26 < snapshot.storage_bytes < 2**33
    assert agent.get("/v1/health")["errors"] == 0


def test_grows(agent: Agent) -> None:
    answer = agent.scale(4, epoch=next(EPOCHS))
    assert (answer.status_code, answer.json()["accepted"]) == (200, True)
    until(lambda: len(agent.registered()) == 4)
    accepted = agent.events("EnelScaleAccepted")[-1]
    assert (accepted["Executors"], accepted["Try Number"]) == (4, 1)


def test_compare_and_set(agent: Agent) -> None:
    epoch = next(EPOCHS)
    assert agent.scale(4, epoch=epoch, try_number=2).status_code == 200
    accepted = agent.events("EnelScaleAccepted")
    answers = {
        "repeated": agent.scale(4, epoch=epoch, try_number=2),
        "older try": agent.scale(5, epoch=epoch + 1, try_number=1),
        "older epoch": agent.scale(4, epoch=epoch - 1, try_number=2),
        "other executors": agent.scale(5, epoch=epoch, try_number=2),
        "newer try repeats": agent.scale(4, epoch=epoch, try_number=3),
        "the try before": agent.scale(4, epoch=epoch, try_number=2),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "repeated": 200,
        "older try": 409,
        "older epoch": 409,
        "other executors": 409,
        "newer try repeats": 200,
        "the try before": 409,
    }
    assert {answer.json()["executors"] for answer in answers.values()} == {4}
    assert agent.events("EnelScaleAccepted") == accepted
    assert agent.client.post("/v1/end?try_number=2").status_code == 409


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"executors": 3, "try_number": 9}', "epoch"),
        ('{"executors": 3, "try_number": 9, "epoch": 9, "force": 1}', "force"),
        ('{"executors": 3.0, "try_number": 9, "epoch": 9}', "executors"),
        ('{"executors": "3", "try_number": 9, "epoch": 9}', "executors"),
        ('{"executors": 3, "try_number": true, "epoch": 9}', "try_number"),
        ('{"executors": 3, "try_number": 9, "epoch": -1}', "epoch"),
        ('{"executors": 3, "try_number": 9, "epoch": null}', "epoch"),
        ('{"executors": 99999999999, "try_number": 9, "epoch": 9}', "executors"),
        ('{"executors": 3, "executors": 4, "try_number": 9, "epoch": 9}', "JSON"),
        ('{"executors": 3, "try_number": 9, "epoch": 9} {}', "JSON"),
        ("[3, 9, 9]", "object"),
        ("{", "JSON"),
        ("", "object"),
        ('{"executors": 0, "try_number": 9, "epoch": 9}', "from 2 to 6"),
        ('{"executors": 7, "try_number": 9, "epoch": 9}', "from 2 to 6"),
    ],
)
def test_malformed_request_is_refused_and_named(agent: Agent, body: str, named: str) -> None:
    answer = agent.client.post("/v1/scale", content=body)
    assert answer.status_code == 400
    assert answer.json()["accepted"] is False
    assert named in answer.json()["message"]


def test_odd_requests_are_answered_in_json(agent: Agent) -> None:
    answers = {
        401: agent.client.get("/v1/health", headers={"Authorization": "Bearer wrong"}),
        404: agent.client.get("/v1/nothing"),
        405: agent.client.get("/v1/scale"),
        413: agent.client.post("/v1/scale", content=b" " * 5000),
        400: agent.client.get("/v1/events?after=-1"),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert all(answer.json()["now_ms"] > 0 for answer in answers.values())


def test_executor_that_comes_after_it_was_called_off_is_the_one_to_leave(agent: Agent) -> None:
    before = agent.registered()
    added = len(agent.events("SparkListenerExecutorAdded"))
    agent.scale(5, epoch=next(EPOCHS), try_number=3)
    answer = agent.scale(4, epoch=next(EPOCHS), try_number=3).json()
    assert (answer["accepted"], answer["executors"]) == (True, 4)
    assert agent.events("EnelExecutorDraining") == []
    until(lambda: len(agent.events("SparkListenerExecutorAdded")) > added)
    until(lambda: agent.registered() == before)


def test_shrinks_without_failed_tasks_or_lost_partitions(app: App, agent: Agent) -> None:
    until(lambda: app.report()[-1]["cached"] == TASKS)
    before = agent.registered()
    answer = agent.scale(2, epoch=next(EPOCHS), try_number=3).json()
    assert (answer["accepted"], answer["executors"]) == (True, 2)
    leaving = before - agent.registered()
    assert len(leaving) == 2

    def removed() -> set[str]:
        return {e["Executor ID"] for e in agent.events("SparkListenerExecutorRemoved")}

    until(lambda: leaving <= removed())
    jobs = len(app.report())
    until(lambda: len(app.report()) > jobs + 1)
    assert app.report()[-1]["cached"] == TASKS
    assert not any(job["failed"] for job in app.report())
    assert not any(s["Stage Info"].get("Failure Reason") for s in completed_stages(agent))
    assert len(agent.registered()) == 2


def test_killed_executor_is_told_and_replaced(app: App, agent: Agent) -> None:
    victim = sorted(agent.registered())[0]
    app.executor_process(victim).send_signal(signal.SIGKILL)
    until(lambda: victim not in agent.registered())
    until(lambda: len(agent.registered()) == 2)
    assert victim not in {e["Executor ID"] for e in agent.events("EnelExecutorDraining")}


def test_driver_that_never_stops_spark_exits_and_leaves_its_final_state(
    app: App, agent: Agent
) -> None:
    assert agent.get("/v1/health")["errors"] == 0
    last = agent.events()
    assert app.finish() == 0
    final = json.loads(app.final_file.read_text())
    events = [entry["event"] for entry in final["events"]]
    assert (final["protocol"], final["more"], final["ended"]) == (1, False, True)
    assert events[: len(last)] == last
    assert "SparkListenerApplicationEnd" in [e["Event"] for e in events]
    assert {stat.S_IMODE(f.stat().st_mode) for f in (app.final_file, app.port_file)} == {0o600}


def test_only_the_killed_executor_was_lost_though_the_driver_never_stopped_spark(
    app: App, logs: Path
) -> None:
    live = AgentReader().read_final(app.final_file)
    (log,) = find_logs(logs)
    imported = read_log(log).snapshot
    assert live is not None
    assert [sum(span.lost for span in s.executors) for s in (live, imported)] == [1, 1]
