"""The synchronous shell: whatever the agent does, the application's result stays its own."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import (
    NO_SWITCHES,
    AgentAddress,
    Bounds,
    RunOutcome,
    RunState,
    ScaleAnswer,
    Step,
    Switches,
)
from airflow_enel.execution.driver_loop import DriverLoop
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.execution.scaling_config import MonitoredRun
from airflow_enel.history.interface import History
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.spark.submission.base import DriverLost
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.builders import samples
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, agents, page

pytestmark = pytest.mark.processes


class Remembered:
    """A history that remembers the order of what it is told."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.answers: list[tuple[int, ScaleAnswer | None]] = []
        self.components: dict[int, Any] = {}
        self.outcome: RunOutcome | None = None

    def save_agent(self, run_id: str, address: AgentAddress) -> None: ...

    def switches(self, _: str) -> Switches:
        return NO_SWITCHES

    def save_components(self, run_id: str, components: tuple[Any, ...]) -> None:
        self.components.update({c.position: c for c in components})

    def intend(self, run_id: str, step: Step) -> bool:
        self.steps.append(step)
        return True

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        self.answers.append((epoch, answer))

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        self.outcome = outcome


agent = pytest.fixture(agents)


class Loop:
    """A loop over a driver that ends when it is told to."""

    def __init__(self, tmp_path: Path, port: int | None, code: int = 0) -> None:
        self.go = tmp_path / "go"
        wait = (
            f"import os, time, sys\nwhile not os.path.exists({str(self.go)!r}): time.sleep(.01)\n"
        )
        folder = RunFolder.of("1" * 32, tmp_path / "work")
        folder.make()
        script = [sys.executable, "-c", f"print('hello')\n{wait}sys.exit({code})"]
        self.driver = ClientDriver.start(folder, "no.reporter", script, dict(os.environ))
        if port is not None:
            folder.agent_address.write_text(
                json.dumps({"host": "127.0.0.1", "port": port, "pid": 1})
            )
        self.history = Remembered()
        self.lines: list[str] = []
        log = cast("Any", logging.getLogger("watch"))
        fitted = create_forecaster("ellis").fit(())
        config = ScalingConfig(find_policy("ellis"), fitted, 100.0, Bounds(1, 4), 1)
        self.loop = DriverLoop(
            MonitoredRun.of(samples.run().key, config, ()),
            "token",
            self.driver,
            BufferedWriter(cast("History", self.history), log),
            log,
            on_output=self.lines.extend,
            poll_interval_s=0.02,
        )

    def run(self) -> int:
        return self.loop.run_to_end()


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"{"),
        (200, b'{"protocol": 1, "now_ms": NaN}'),
        (401, b"{}"),
        (500, b"oops"),
        (404, b""),
    ],
    ids=["truncated", "nan", "wrong token", "broken", "missing"],
)
@pytest.mark.parametrize("code", [0, 3])
def test_an_agent_that_cannot_be_used_is_told_of_once_and_the_result_is_the_drivers(
    tmp_path: Path,
    agent: Callable[[Respond], int],
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
    code: int,
) -> None:
    asked = 0

    def respond(*_: Any) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        if asked == 12:
            loop.go.touch()
        return answer

    loop = Loop(tmp_path, agent(respond), code)
    with caplog.at_level(logging.WARNING):
        assert loop.run() == code

    assert loop.lines == ["hello"]
    assert loop.history.steps == []
    assert len([r for r in caplog.records if "cannot be observed now" in r.message]) == 1
    assert loop.history.outcome is not None
    expected = RunState.SUCCEEDED if code == 0 else RunState.FAILED
    assert loop.history.outcome.state is expected


def test_each_barrier_is_decided_once_recorded_before_it_is_sent_and_answered(
    tmp_path: Path, agent: Callable[[Respond], int]
) -> None:
    events = e.simple_run(components=2)[:-1]  # the application has not ended yet
    sent: list[tuple[dict[str, Any], int]] = []

    def respond(method: str, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "POST":
            sent.append((body, len(loop.history.steps)))
            events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'
        if sent:
            loop.go.touch()
        return 200, page(events)

    loop = Loop(tmp_path, agent(respond))
    loop.run()

    assert sent == [({"executors": 2, "try_number": 1, "epoch": 2}, 1)]
    assert [answer and answer.accepted for _, answer in loop.history.answers] == [True]
    assert sorted(loop.history.components) == [0, 1]


def test_a_refused_request_is_not_sent_again_and_again(
    tmp_path: Path, agent: Callable[[Respond], int]
) -> None:
    events = e.simple_run(components=1)[:-1]
    reads = sent = 0

    def respond(method: str, *_: Any) -> tuple[int, bytes]:
        nonlocal reads, sent
        if method == "POST":
            sent += 1
            return 409, b'{"accepted": false, "executors": 1, "message": "cannot scale here"}'
        reads += 1
        if reads == 6:
            loop.go.touch()
        return 200, page(events)

    loop = Loop(tmp_path, agent(respond))
    loop.run()
    assert sent == 1


def test_an_application_that_ends_between_reading_and_acting_succeeds(
    tmp_path: Path, agent: Callable[[Respond], int]
) -> None:
    run = e.simple_run(components=2)

    def respond(method: str, *_: Any) -> tuple[int, bytes]:
        if method == "GET":
            return 200, page(run[:-1])
        loop.driver.folder.final_state.write_bytes(page(run))
        loop.go.touch()
        return 503, b""

    loop = Loop(tmp_path, agent(respond))
    assert loop.run() == 0
    assert [step.decision.epoch for step in loop.history.steps] == [2]
    assert {answer for _, answer in loop.history.answers} == {None}
    assert loop.history.outcome is not None
    assert (loop.history.outcome.state, loop.history.outcome.runtime_s) == (
        RunState.SUCCEEDED,
        22.0,
    )


def test_after_a_poll_that_failed_the_next_one_decides(
    tmp_path: Path, agent: Callable[[Respond], int]
) -> None:
    events = e.simple_run(components=2)[:-1]
    answers = iter([(500, b"")])

    def respond(method: str, _: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "POST":
            events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
            loop.go.touch()
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'
        return next(answers, (200, page(events)))

    loop = Loop(tmp_path, agent(respond))
    assert loop.run() == 0
    assert [epoch for epoch, _ in loop.history.answers] == [2]


def test_an_agent_that_is_away_for_the_rest_of_a_run_is_told_of_once(
    tmp_path: Path, agent: Callable[[Respond], int], caplog: pytest.LogCaptureFixture
) -> None:
    events = e.simple_run(components=2)[:-1]
    asked = 0

    def respond(method: str, _: str, body: dict[str, Any]) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        if method == "POST":
            events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'
        if asked == 14:
            loop.go.touch()
        return (200, page(events)) if asked <= 2 else (500, b"")

    loop = Loop(tmp_path, agent(respond))
    with caplog.at_level(logging.WARNING):
        assert loop.run() == 0
    assert len([r for r in caplog.records if "cannot be observed now" in r.message]) == 1
    assert len(loop.history.steps) == 1
    assert loop.history.outcome is not None
    assert loop.history.outcome.state is RunState.SUCCEEDED


def test_an_application_without_an_agent_runs_to_its_end(tmp_path: Path) -> None:
    loop = Loop(tmp_path, port=None)
    loop.go.touch()
    assert loop.run() == 0
    assert loop.history.outcome is not None
    assert loop.history.outcome.runtime_s is None


def test_the_state_that_the_agent_leaves_at_the_end_completes_the_history(tmp_path: Path) -> None:
    loop = Loop(tmp_path, port=None)
    loop.driver.folder.final_state.write_bytes(page(e.simple_run(components=3)))
    loop.go.touch()
    loop.run()

    assert sorted(loop.history.components) == [0, 1, 2]
    assert loop.history.outcome is not None
    assert loop.history.outcome.runtime_s == 32.0


def test_a_driver_that_nobody_kept_is_lost_and_recorded_so(tmp_path: Path) -> None:
    loop = Loop(tmp_path, port=None)
    supervisor = loop.driver._supervisor
    assert supervisor is not None
    supervisor.kill()
    with pytest.raises(DriverLost):
        loop.run()
    loop.go.touch()
    assert loop.history.outcome is not None
    assert loop.history.outcome.state is RunState.LOST
