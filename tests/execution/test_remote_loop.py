"""An application on another worker, observed through its agent in virtual time."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, RunKey, RunState
from airflow_enel.execution import remote_loop
from airflow_enel.execution.remote_loop import ApplicationStateUnknown, RemoteLoop
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import NO_PAST, monitored_run
from airflow_enel.spark.agent_client import AgentAnswerInvalid, AgentUnreachable, parse_page
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import page
from tests.support.fakes.clocks import VirtualTime
from tests.support.fakes.histories import MemoryHistory

KEY = RunKey("dag", "run", "task", -1, submit_try=1)
RUN = RunRequest(KEY, "job", "job.py", "static", Bounds(1, 2), None).run(2, 1000.0)
LOG = cast("Any", logging.getLogger("remote_loop"))


class Agent:
    """Answers, or raises what it is told to."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked = 0
        self.components = 2
        self.ended_by: list[int] = []
        self.closed = 0

    def events(self, after: int) -> Any:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        return parse_page(page(e.simple_run(components=self.components)[:-1], after))

    def end(self, try_number: int) -> None:
        if self.fault is not None:
            raise self.fault
        self.ended_by.append(try_number)

    def close(self) -> None:
        self.closed += 1


class Scene:
    """A run that was submitted elsewhere, and who looks after it now."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.history = MemoryHistory()
        self.history.remember(RUN, RunState.SUBMITTED)
        self.agent = Agent()
        self.killed = False
        self.loop = RemoteLoop(
            KEY, cast("Any", self.history), LOG, 2, patience_s=60.0, clock=self.time.clock
        )

    def ends(self, second: float, state: RunState) -> None:
        self.time.at(second, lambda: self.history.states.update({KEY.id: state}))

    def agent_fails(self, second: float, fault: Exception | None) -> None:
        self.time.at(second, lambda: setattr(self.agent, "fault", fault))

    def follow(self) -> RunState:
        monitored = monitored_run(RUN, NO_PAST, try_number=2)
        return self.loop.follow(monitored, lambda: self.killed)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    made = Scene()
    monkeypatch.setattr(remote_loop, "agent_of", lambda *_: made.agent)
    return made


def test_it_records_components_and_returns_how_the_history_says_it_ended(scene: Scene) -> None:
    scene.ends(30.0, RunState.FAILED)
    assert scene.follow() is RunState.FAILED
    assert scene.history.components.keys() == {0, 1}
    assert 30.0 <= scene.time.now_s <= 36.0


def test_the_last_progress_is_logged_even_if_it_came_too_soon_for_a_line(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    scene.time.at(8.0, lambda: setattr(scene.agent, "components", 4))
    scene.ends(9.5, RunState.SUCCEEDED)
    scene.follow()
    lines = [record.getMessage().split(" · ")[0] for record in caplog.records]
    assert lines == ["component 2", "component 4"]


def test_an_agent_that_is_away_for_a_while_is_connected_to_again(scene: Scene) -> None:
    scene.agent_fails(10.0, AgentUnreachable("no route"))
    scene.agent_fails(40.0, None)
    scene.ends(100.0, RunState.SUCCEEDED)
    assert scene.follow() is RunState.SUCCEEDED
    assert scene.agent.closed >= 2


def test_silence_of_agent_and_history_beyond_patience_is_unknown(scene: Scene) -> None:
    scene.agent_fails(10.0, AgentUnreachable("no route"))
    with pytest.raises(ApplicationStateUnknown):
        scene.follow()
    assert 69.0 <= scene.time.now_s <= 72.0


def test_an_agent_that_answers_nonsense_is_alive_and_logged_once(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.agent.fault = AgentAnswerInvalid("nonsense")
    scene.ends(200.0, RunState.SUCCEEDED)
    assert scene.follow() is RunState.SUCCEEDED
    assert len([r for r in caplog.records if "cannot be observed now" in r.message]) == 1


def test_a_history_that_is_away_for_a_while_only_delays_the_end(scene: Scene) -> None:
    scene.time.at(10.0, lambda: setattr(scene.history, "away", True))
    scene.time.at(50.0, lambda: setattr(scene.history, "away", False))
    scene.ends(20.0, RunState.SUCCEEDED)
    assert scene.follow() is RunState.SUCCEEDED
    assert 50.0 <= scene.time.now_s <= 56.0


def test_a_task_that_is_told_to_stop_ends_it_once_in_the_name_of_its_own_try(
    scene: Scene,
) -> None:
    scene.time.at(10.0, lambda: setattr(scene, "killed", True))
    scene.ends(30.0, RunState.KILLED)
    assert scene.follow() is RunState.KILLED
    assert scene.agent.ended_by == [2]


def test_ending_waits_until_the_history_knows_the_end(scene: Scene) -> None:
    scene.ends(20.0, RunState.KILLED)
    scene.loop.end()
    assert scene.agent.ended_by == [2]
    assert scene.time.now_s >= 20.0


def test_an_end_that_is_not_certain_after_a_minute_is_unknown(scene: Scene) -> None:
    with pytest.raises(ApplicationStateUnknown):
        scene.loop.end()
    assert 60.0 <= scene.time.now_s <= 62.0
