"""The agent in a driver with one SparkContext after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.eventlog import find_logs, read_log
from tests.support.processes.spark_app import CLUSTER, Agent, App, Launch
from tests.support.processes.waiting import until

pytestmark = pytest.mark.spark


def active_in_second_context(agent: Agent) -> set[str]:
    events = agent.events()
    starts = [i for i, e in enumerate(events) if e["Event"] == "SparkListenerApplicationStart"]
    later = events[starts[1] :] if len(starts) > 1 else []
    came = {e["Executor ID"] for e in later if e["Event"] == "SparkListenerExecutorAdded"}
    gone = ("SparkListenerExecutorRemoved", "EnelExecutorDraining")
    return came - {e["Executor ID"] for e in later if e["Event"] in gone}


def test_a_second_context_is_served_scaled_and_remembered_with_the_first(
    launch: Launch, tmp_path: Path
) -> None:
    logging = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": tmp_path.as_uri()}
    app = launch("local-cluster[1,8,8192]", {**CLUSTER, **logging}, "contexts.py")
    agent = app.agent()
    app.wait_until_working()
    assert agent.scale(3, epoch=1).json()["accepted"]
    until(lambda: len(agent.registered()) == 3)
    (app.folder / "stop.0").touch()

    # The second starts at its initial size of 2: what was asked for still holds.
    until(lambda: app.report()[-1] == 1, 60)
    until(lambda: len(active_in_second_context(agent)) == 3)
    assert not app.final_file.exists()
    assert agent.scale(3, epoch=1).json()["message"] == "accepted before"
    assert agent.scale(1, epoch=2).json()["accepted"]
    until(lambda: len(active_in_second_context(agent)) == 1)
    health = agent.get("/v1/health")
    assert (health["status"], health["errors"]) == ("running", 0)
    assert app.finish() == 0

    check_final_state(app)
    first, second = (read_log(log).snapshot for log in find_logs(tmp_path))
    assert (first.complete, second.complete) == (True, False)


def check_final_state(app: App) -> None:
    snapshot = AgentReader().read_final(app.final_file)
    assert snapshot is not None
    assert snapshot.complete
    assert snapshot.ended_at is not None
    assert len(snapshot.finished_components) == len(app.report())
    assert [c.position for c in snapshot.components] == list(range(len(app.report())))
    assert [request.executors for request in snapshot.requests] == [3, 1]
    assert not any(span.lost for span in snapshot.executors)
