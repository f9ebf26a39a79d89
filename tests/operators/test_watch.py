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

from airflow_enel.control.decide import Steering
from airflow_enel.control.policies import policy
from airflow_enel.domain import Bounds, RunOutcome, RunState, ScaleAnswer, Step
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.history.base import History
from airflow_enel.operators.watch import ClientWatch, Watched
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder, DriverLost
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, agents, page


class Remembered:
    """A history that remembers the order of what it is told."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.answers: list[tuple[int, ScaleAnswer | None]] = []
        self.components: dict[int, Any] = {}
        self.outcome: RunOutcome | None = None

    def save_agent(self, run_id: str, host: str, port: int) -> None: ...

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


class Watching:
    """A watch over a driver that ends when it is told to."""

    def __init__(self, tmp_path: Path, port: int | None, code: int = 0) -> None:
        self.go = tmp_path / "go"
        wait = (
            f"import os, time, sys\nwhile not os.path.exists({str(self.go)!r}): time.sleep(.01)\n"
        )
        folder = DriverFolder.of("1" * 32, tmp_path / "work")
        folder.make()
        script = [sys.executable, "-c", f"print('hello')\n{wait}sys.exit({code})"]
        self.driver = ClientDriver.start(folder, script, dict(os.environ))
        if port is not None:
            folder.port.write_text(json.dumps({"host": "127.0.0.1", "port": port, "pid": 1}))
        self.history = Remembered()
        self.lines: list[str] = []
        log = cast("Any", logging.getLogger("watch"))
        ellis = policy("ellis").forecaster()
        assert ellis is not None
        steering = Steering(policy("ellis"), ellis.fit(()), 100.0, Bounds(1, 4), 1)
        self.watch = ClientWatch(
            Watched("1" * 32, steering, None, "token"),
            self.driver,
            BufferedWriter(cast("History", self.history), log),
            log,
            on_lines=self.lines.extend,
            poll_interval_s=0.02,
        )

    def run(self) -> int:
        return self.watch.run_to_end()


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
            watching.go.touch()
        return answer

    watching = Watching(tmp_path, agent(respond), code)
    with caplog.at_level(logging.WARNING):
        assert watching.run() == code

    assert watching.lines == ["hello"]
    assert watching.history.steps == []
    assert len([r for r in caplog.records if "runs on unwatched" in r.message]) == 1
    assert watching.history.outcome is not None
    expected = RunState.SUCCEEDED if code == 0 else RunState.FAILED
    assert watching.history.outcome.state is expected


def test_each_barrier_is_decided_once_recorded_before_it_is_sent_and_answered(
    tmp_path: Path, agent: Callable[[Respond], int]
) -> None:
    events = e.simple_run(components=2)[:-1]  # the application has not ended yet
    sent: list[tuple[dict[str, Any], int]] = []

    def respond(method: str, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "POST":
            sent.append((body, len(watching.history.steps)))
            events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'
        if sent:
            watching.go.touch()
        return 200, page(events)

    watching = Watching(tmp_path, agent(respond))
    watching.run()

    assert sent == [({"executors": 2, "try_number": 1, "epoch": 2}, 1)]
    assert [answer and answer.accepted for _, answer in watching.history.answers] == [True]
    assert sorted(watching.history.components) == [0, 1]


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
            watching.go.touch()
        return 200, page(events)

    watching = Watching(tmp_path, agent(respond))
    watching.run()
    assert sent == 1


def test_an_application_without_an_agent_runs_to_its_end(tmp_path: Path) -> None:
    watching = Watching(tmp_path, port=None)
    watching.go.touch()
    assert watching.run() == 0
    assert watching.history.outcome is not None
    assert watching.history.outcome.runtime_s is None


def test_the_state_that_the_agent_leaves_at_the_end_completes_the_history(tmp_path: Path) -> None:
    watching = Watching(tmp_path, port=None)
    watching.driver.folder.final.write_bytes(page(e.simple_run(components=3)))
    watching.go.touch()
    watching.run()

    assert sorted(watching.history.components) == [0, 1, 2]
    assert watching.history.outcome is not None
    assert watching.history.outcome.runtime_s == 32.0


def test_a_driver_that_nobody_kept_is_lost_and_recorded_so(tmp_path: Path) -> None:
    watching = Watching(tmp_path, port=None)
    keeper = watching.driver._keeper
    assert keeper is not None
    keeper.kill()
    with pytest.raises(DriverLost):
        watching.run()
    watching.go.touch()
    assert watching.history.outcome is not None
    assert watching.history.outcome.state is RunState.LOST
