"""What a poke makes of an application that runs, and of trouble on the way to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.domain import AgentAccess, AgentAddress, RunContext, RunState
from airflow_enel.execution import sensor_poll
from airflow_enel.execution.scaling_config import JobModel
from airflow_enel.history.interface import HistoryRefused, HistoryUnavailable
from airflow_enel.history.sql.repository import SqlHistory
from tests.sensors.scene import Scene
from tests.support.builders import spark_events as e
from tests.support.builders.snapshots import past_run
from tests.support.builders.stored_runs import store_runs
from tests.support.fakes.agents import Respond
from tests.support.fakes.models import Wanted, stored

# While it runs


@pytest.mark.parametrize("where", ["port file", "argument", "history"])
def test_it_steers_through_an_agent_that_it_finds(
    scene: Scene, agent: Callable[[Respond], int], where: str
) -> None:
    port = agent(scene.answering(e.simple_run(components=2)[:-1]))
    scene.submitted()
    options: dict[str, Any] = {}
    if where == "port file":
        scene.serving(port)
    elif where == "argument":
        options = {"agent_address": f"127.0.0.1:{port}"}
    else:
        scene.history.save_agent(scene.id, AgentAddress("127.0.0.1", port))
    for _ in range(3):
        assert scene.poke(**options) is False
    assert [(body["epoch"], body["try_number"]) for body in scene.sent] == [(2, 1)]
    assert len(scene.history.decisions(scene.id)) == 1
    assert [c.position for c in scene.history.components(scene.id)] == [0, 1]
    assert scene.history.agent_of(scene.id) == AgentAccess("token", AgentAddress("127.0.0.1", port))


def test_it_forecasts_with_the_context_of_the_run(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(stored()).installed(monkeypatch)
    scene.run = replace(scene.run, context=RunContext.of({"input_mib": 512}))
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke()
    assert wanted.contexts == [scene.run.context]


def test_the_driver_on_this_machine_knows_better_where_its_agent_is(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    scene.submitted().history.save_agent(scene.id, AgentAddress("127.0.0.1", 1))
    scene.serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke(agent_address="127.0.0.1:2")
    assert len(scene.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [(200, b"{"), (401, b"{}"), (500, b"oops"), (404, b"")],
    ids=["truncated", "wrong token", "broken", "missing"],
)
def test_an_agent_that_cannot_be_used_costs_one_line_and_no_result(
    scene: Scene,
    agent: Callable[[Respond], int],
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
) -> None:
    scene.submitted().serving(agent(lambda *_: answer))
    assert one_warning(caplog, scene.poke)


def test_an_agent_that_is_gone_costs_one_line_and_no_result(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.submitted().serving(1)
    assert one_warning(caplog, scene.poke)


def test_without_a_token_there_is_one_line(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.submitted(token=None).serving(1)
    assert "fernet_key" in one_warning(caplog, scene.poke)


@pytest.mark.parametrize("method", ["application", "agent_of", "past_runs", "intend"])
@pytest.mark.parametrize("error", [HistoryUnavailable, HistoryRefused, RuntimeError])
def test_a_history_that_fails_costs_one_line_and_no_result(
    scene: Scene,
    agent: Callable[[Respond], int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    error: type[Exception],
) -> None:
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=2)[:-1])))

    def fails(*_: Any, **__: Any) -> Any:
        raise error("away")

    monkeypatch.setattr(SqlHistory, method, fails)
    assert one_warning(caplog, scene.poke)
    assert scene.sent == []


def test_no_way_to_the_history_is_no_result(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nowhere(*_: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(sensor_poll, "connected_history", nowhere)
    assert scene.submitted().ended(RunState.SUCCEEDED).poke() is False


def one_warning(caplog: pytest.LogCaptureFixture, poke: Callable[[], bool]) -> str:
    with caplog.at_level(logging.WARNING):
        assert poke() is False
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    return record.getMessage()


def test_a_policy_that_reads_models_gets_the_newest_and_past_runs_with_stages(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(stored()).installed(monkeypatch)
    scene.run = replace(scene.run, policy="enel-paper")
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke()
    assert wanted.stages == [True]
    name = f"{scene.run.key.dag_id}/{scene.run.job_key}"
    assert wanted.models == [JobModel(wanted.model, name)]


def test_sensors_one_after_another_tell_once_that_the_run_will_be_late(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    """The largest size has taken 600 s; 22 s after its start the run has 40 s in all."""
    scene.run = replace(scene.run, runtime_target_s=40.0)
    store_runs(scene.run.key.dag_id, scene.run.job_key, [past_run(0, 4, runtime_s=600.0)])
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=2)[:-1])))
    told: list[Any] = []
    for _ in range(2):
        scene.poke(on_expected_miss=told.append)
    (context,) = told
    assert context["ti"].task_id == "s"
    miss = context["expected_miss"]
    assert (miss.run, miss.target_s, miss.executors) == (scene.run.key, 40.0, 4)
    assert miss.lateness_s > 100.0
