"""One look at an application, by an observer with or without a memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import AgentAddress, Bounds, Run, RunState
from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.execution.observer import Observer
from airflow_enel.execution.scaling_config import MonitoredRun
from airflow_enel.history.interface import DecisionStatus, HistoryUnavailable
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.predict import Ellis
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.spark.agent_client import AgentClient
from tests.support.builders import samples
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, agents, page

pytestmark = pytest.mark.usefixtures("airflow_db")

agent = pytest.fixture(agents)
LOG = cast("Any", logging.getLogger("observe"))


class Scene:
    """An application that has finished some components, its agent, and a run in the history."""

    def __init__(self, components: int, status: int = 200) -> None:
        self.events = e.simple_run(components=components)[:-1]
        self.status = status
        self.sent: list[dict[str, Any]] = []
        self.history = SqlHistory()
        self.run: Run = samples.run(f"dag-{uuid4()}")
        self.history.open_run(self.run, "token")

    def respond(self, method: str, _: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "GET":
            return 200, page(self.events)
        self.sent.append(body)
        if self.status != 200:
            return self.status, b'{"accepted": false, "executors": 2, "message": "no"}'
        self.events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
        return 200, b'{"accepted": true, "executors": 2, "message": ""}'

    def observer(self, history: Any = None, saved: int = 0) -> Observer:
        """A new one, as a poke makes it."""
        fitted = create_forecaster("ellis").fit(())
        config = ScalingConfig(find_policy("ellis"), fitted, 100.0, Bounds(1, 4), 1)
        observed = MonitoredRun.of(self.run.key, config, ())
        return Observer(observed, ImmediateWriter(history or self.history), LOG, saved=saved)

    def statuses(self) -> list[DecisionStatus]:
        return [row.status for row in self.history.decisions(self.run.key.id)]


@pytest.fixture
def client(agent: Callable[[Respond], int]) -> Callable[[Scene], AgentClient]:
    return lambda scene: AgentClient(AgentAddress("127.0.0.1", agent(scene.respond)), "token")


def test_new_observers_decide_a_barrier_once_between_them(
    client: Callable[[Scene], AgentClient],
) -> None:
    scene = Scene(components=2)
    talk = client(scene)
    for _ in range(3):
        scene.observer().poll(talk)
    assert [body["epoch"] for body in scene.sent] == [2]
    assert scene.statuses() == [DecisionStatus.ACCEPTED]
    assert [c.position for c in scene.history.components(scene.run.key.id)] == [0, 1]


def test_an_answer_that_its_asker_did_not_live_to_record_is_recorded_by_the_next(
    client: Callable[[Scene], AgentClient],
) -> None:
    scene = Scene(components=2)
    talk = client(scene)

    class Dies(SqlHistory):
        def complete(self, *_: Any) -> None:
            raise HistoryUnavailable("killed here")

    with pytest.raises(HistoryUnavailable):
        scene.observer(Dies()).poll(talk)
    assert scene.statuses() == [DecisionStatus.INTENDED]
    scene.observer().poll(talk)
    assert scene.statuses() == [DecisionStatus.ACCEPTED]
    assert len(scene.sent) == 1


def test_a_decision_that_nobody_has_sent_is_sent_as_it_was_recorded(
    client: Callable[[Scene], AgentClient],
) -> None:
    scene = Scene(components=2)
    recorded = samples.step(2, before=2, executors=4)
    scene.history.intend(scene.run.key.id, recorded)
    scene.observer().poll(client(scene))
    assert scene.sent == [{"executors": 4, "try_number": 1, "epoch": 2}]
    assert scene.statuses() == [DecisionStatus.ACCEPTED]


def test_what_spark_has_refused_is_not_asked_for_again_by_the_next_observer(
    client: Callable[[Scene], AgentClient],
) -> None:
    scene = Scene(components=1, status=409)
    talk = client(scene)
    for _ in range(3):
        scene.observer().poll(talk)
    assert len(scene.sent) == 1
    assert scene.statuses() == [DecisionStatus.REFUSED]


def test_without_a_record_nothing_is_sent(client: Callable[[Scene], AgentClient]) -> None:
    scene = Scene(components=2)

    class Away:
        def intend(self, *_: Any) -> bool:
            raise HistoryUnavailable("away")

    with pytest.raises(HistoryUnavailable):
        scene.observer(Away()).poll(client(scene))
    assert scene.sent == []


def test_components_that_the_history_has_are_not_sent_again(
    client: Callable[[Scene], AgentClient],
) -> None:
    scene = Scene(components=5)
    scene.observer(saved=3).poll(client(scene))
    assert [c.position for c in scene.history.components(scene.run.key.id)] == [3, 4]


def test_to_read_is_to_do_nothing(client: Callable[[Scene], AgentClient]) -> None:
    scene = Scene(components=2)
    assert scene.observer().read(client(scene)).ended_at is None
    assert (scene.sent, scene.statuses()) == ([], [])


@pytest.mark.parametrize("final", ["left", "lost"])
def test_the_end_is_recorded_from_the_final_state_or_else_the_last_reading(
    client: Callable[[Scene], AgentClient], tmp_path: Path, final: str
) -> None:
    scene = Scene(components=2)
    observer = scene.observer()
    observer.poll(client(scene))
    if final == "left":
        (tmp_path / "final.json").write_bytes(page([*scene.events, e.application_end(40.0)]))
    observer.conclude(tmp_path / "final.json", None, RunState.SUCCEEDED)
    outcome = scene.history.run(scene.run.key.id).outcome
    assert outcome is not None
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.runtime_s == (39.0 if final == "left" else None)


def test_local_mode_is_warned_of_once_is_not_scaled_and_is_no_run_to_learn_from(
    client: Callable[[Scene], AgentClient], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(components=2)
    for event in scene.events:
        event.update({"Executor ID": "driver"} if "Executor ID" in event else {})
    observer, talk = scene.observer(), client(scene)
    observer.poll(talk)
    observer.poll(talk)
    (tmp_path / "final.json").write_bytes(page([*scene.events, e.application_end(40.0)]))
    observer.conclude(tmp_path / "final.json", 0, RunState.SUCCEEDED)

    (warning,) = (it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING)
    assert "in local mode, in its driver alone" in warning
    assert (scene.sent, scene.statuses()) == ([], [])
    row = scene.history.run(scene.run.key.id)
    assert row.state is RunState.SUCCEEDED
    assert [c.position for c in scene.history.components(row.id)] == [0, 1]
    assert scene.history.past_runs(row.run.key.dag_id, row.run.job_key) == ()


def test_an_application_of_which_nothing_was_seen_is_no_run_to_learn_from(tmp_path: Path) -> None:
    scene = Scene(components=0)
    scene.observer().conclude(tmp_path / "nothing", None, RunState.SUCCEEDED)
    outcome = scene.history.run(scene.run.key.id).outcome
    assert outcome is not None
    assert (outcome.complete, outcome.exit_code, outcome.runtime_s) == (False, None, None)


def test_the_end_is_logged_in_one_line(
    client: Callable[[Scene], AgentClient], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene = Scene(components=2)
    observer = scene.observer()
    observer.poll(client(scene))
    (tmp_path / "final.json").write_bytes(page([*scene.events, e.application_end(40.0)]))
    observer.conclude(tmp_path / "final.json", None, RunState.SUCCEEDED)
    last = caplog.records[-1].getMessage()
    assert last.startswith("Application succeeded · 2 components · 39 s of the target of 100 s · ")


def test_one_poll_forecasts_once_for_decision_and_log(
    client: Callable[[Scene], AgentClient],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    asked: list[Any] = []
    monkeypatch.setattr(Ellis, "predict", lambda _, progress, bounds: asked.append(progress))
    scene = Scene(components=2)
    scene.observer().poll(client(scene))
    assert len(scene.sent) == 1
    assert any("elapsed" in record.getMessage() for record in caplog.records)
    assert len(asked) == 1
