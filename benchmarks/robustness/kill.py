# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""Kills tasks at random moments from submission to end, and counts what that has done.

Real Spark on ``local-cluster``, a real API server in front of a real metadata DB. ``kill -9`` takes
the first try of every task, and the second of some; the next one starts at once. Of the
applications some fail on purpose, so that a later try has to submit afresh.

ENEL_KILL_RUNS, ENEL_KILL_AT_ONCE and ENEL_KILL_SEED change the number of tasks (100), how many of
them run side by side (2) and the seed.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from airflow_enel.domain import RunKey
from airflow_enel.execution.result_reporter import MODULE as REPORTER
from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder
from benchmarks.figures import Figure
from benchmarks.robustness.forked import Children, Life, pause, side_by_side, until
from tests.support.airflow.scratch import (
    ScratchAirflow,
    end_all_of,
    find_spark,
    free_port,
    gaps_of,
    listens,
)
from tests.support.airflow.task_instances import begin_try
from tests.support.processes.attempt import COMPONENTS, Attempt, double_submits, read_marks, wrong

RUNS = int(os.environ.get("ENEL_KILL_RUNS", "100"))
AT_ONCE = int(os.environ.get("ENEL_KILL_AT_ONCE", "2"))
SEED = int(os.environ.get("ENEL_KILL_SEED", "1"))
TRIES = 3
FAILING = 0.2
"""Share of the applications that fail."""
KILLED_TWICE = 0.3
"""Share of the tasks whose second try is killed as well."""
_EXIT_CODE = 3
_FIRST_GUESS_S = 14.0
_WITHIN_S = 300.0
_TOLD_WITHIN_S = 40.0


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one task.

    :param double_submits: applications begun beside a living one, or after one had succeeded
    :param polls: polls of each try that took up an application, until its agent had answered
    :param wrong: what is wrong with the task's result, empty if it is the application's
    """

    kills: int
    submits: int
    double_submits: int
    components_lost: int
    decisions_lost: int
    doubled: int
    left_running: int
    polls: tuple[int, ...]
    wrong: str
    seconds: float


def measure() -> Iterable[Figure]:
    """Count over all tasks; the numbers of the figures are per task."""
    with tempfile.TemporaryDirectory(prefix="enel-kill-") as folder:
        airflow = ScratchAirflow(Path(folder))
        try:
            with Children() as children:
                found = list(_run_all(airflow, children))
        finally:
            end_all_of(Path(folder))
    name, unit = "kill -9 of tasks:", "per task"
    yield Figure.of(f"{name} kills", unit, [f.kills for f in found])
    yield Figure.of(f"{name} submits", unit, [f.submits for f in found])
    yield Figure.of(f"{name} double submits", unit, [f.double_submits for f in found], "= 0")
    yield Figure.of(f"{name} components lost", unit, [f.components_lost for f in found], "= 0")
    yield Figure.of(f"{name} decisions lost", unit, [f.decisions_lost for f in found], "= 0")
    yield Figure.of(f"{name} decisions doubled", unit, [f.doubled for f in found], "= 0")
    yield Figure.of(f"{name} wrong results", unit, [int(f.wrong != "") for f in found], "= 0")
    yield Figure.of(f"{name} left running", unit, [f.left_running for f in found], "= 0")
    polls = [count for f in found for count in f.polls]
    if polls:
        yield Figure.of(f"{name} polls until re-attached", "polls", polls, "≤ 2")


def _run_all(airflow: ScratchAirflow, children: Children) -> Iterable[Found]:
    import airflow_enel.execution.run_task
    import airflow_enel.operators.spark  # noqa: F401 - now, so that no try has to

    chance = random.Random(SEED)  # noqa: S311 - when, not who
    find_spark()
    port = free_port()
    children.start(lambda: airflow.serve(port), airflow.path / "api.log")
    for _ in until(lambda: listens(port), _WITHIN_S):
        time.sleep(0.05)
    spans_s = [_FIRST_GUESS_S]
    tasks = [
        Task(n, airflow, children, port, random.Random(chance.random()), spans_s)  # noqa: S311
        for n in range(RUNS)
    ]
    for done, found in enumerate(side_by_side([t.life() for t in tasks], AT_ONCE), start=1):
        print(f"{done} of {RUNS}: {found}", file=sys.stderr, flush=True)
        yield found


class Task:
    """One task instance, its tries and its applications.

    :param chance: decides when it is killed, and what its application comes to
    :param spans_s: seconds from submission to end of earlier applications, to choose from
    """

    def __init__(
        self,
        number: int,
        airflow: ScratchAirflow,
        children: Children,
        port: int,
        chance: random.Random,
        spans_s: list[float],
    ) -> None:
        self._airflow = airflow
        self._children = children
        self._port = port
        self._spans_s = spans_s
        self._key = RunKey("kill", f"run-{number}", "job", -1, 1)
        self._place = airflow.path / f"run-{number}"
        self._when = [chance.random() for _ in range(TRIES)]
        self._exit_code = _EXIT_CODE if chance.random() < FAILING else 0
        self._killed_twice = chance.random() < KILLED_TWICE
        self._began_at = time.monotonic()
        self._submitted_at: float | None = None
        self._kills = 0
        self._attached: list[Path] = []

    def life(self) -> Life[Found]:
        """All tries, each begun when the one before was killed or has failed."""
        self._began_at = time.monotonic()
        self._place.mkdir()
        self._airflow.add_task(self._key)
        result = ""
        for number in range(1, TRIES + 1):
            begin_try(self._key.run_id, number)
            result = yield from self._one_try(number)
            if result == "success":
                break
        deadline = time.monotonic() + _TOLD_WITHIN_S
        while True:  # a result reporter may be on its way
            found = self._found(result)
            losses = found.components_lost + found.decisions_lost + found.left_running
            if not losses or time.monotonic() > deadline:
                return found
            yield from pause(1.0)

    def _one_try(self, number: int) -> Life[str]:
        polls = self._place / f"polls-{number}"
        if any(self._folder(n).agent_address.exists() for n in range(1, number)):
            self._attached.append(polls)
        result = self._place / f"result-{number}"
        attempt = Attempt(replace(self._key, submit_try=number), self._port, self._exit_code)
        pid = self._children.start(
            lambda: attempt.make(self._place, result, polls), self._place / f"try-{number}.log"
        )
        if number <= 1 + self._killed_twice:
            yield from self._time_to_kill(number, pid)
            if self._children.kill(pid):
                self._kills += 1
                # Who has told the result is past the point from which Airflow would try again.
                return result.read_text() if result.exists() else "killed"
        yield from self._watched(lambda: self._children.code(pid) is not None)
        return result.read_text() if result.exists() else f"no result, see {self._log(number)}"

    def _time_to_kill(self, number: int, pid: int) -> Life[None]:
        """At a random moment from submission to what is probably the end."""

        def ended() -> bool:
            return self._children.code(pid) is not None

        if self._submitted_at is None:
            yield from self._watched(lambda: self._folder(number).exists or ended())
            self._submitted_at = time.monotonic()
        gone_s = time.monotonic() - self._submitted_at
        left_s = max(1.0, median(self._spans_s) - gone_s)
        kill_at = time.monotonic() + self._when[number - 1] * left_s
        yield from self._watched(lambda: time.monotonic() >= kill_at or ended())

    def _watched(self, condition: Callable[[], object]) -> Life[None]:
        """Wait, and save the final states of applications before somebody clears them away."""
        for _ in until(condition, _WITHIN_S):
            for number in range(1, TRIES + 1):
                with suppress(FileNotFoundError, FileExistsError):
                    os.link(self._folder(number).final_state, self._final(number))
                    if self._submitted_at is not None and number == 1:
                        self._spans_s.append(time.monotonic() - self._submitted_at)
            yield

    def _folder(self, number: int) -> RunFolder:
        run_id = replace(self._key, submit_try=number).id
        return RunFolder.of(run_id, self._airflow.path / "work")

    def _final(self, number: int) -> Path:
        return self._place / f"final-{number}.json"

    def _log(self, number: int) -> str:
        return (self._place / f"try-{number}.log").read_text()[-3000:]

    # What has become of it

    def _found(self, result: str) -> Found:
        marks = read_marks(self._place)
        states = {n: AgentReader().read_final(self._final(n)) for n in range(1, TRIES + 1)}
        gaps = [
            gaps_of(replace(self._key, submit_try=number).id, truth)
            for number, truth in states.items()
            if truth is not None
        ]
        unseen = max(0, sum(mark.what == "end" for mark in marks) - len(gaps))
        drivers = [ClientDriver(self._folder(number), REPORTER) for number in range(1, TRIES + 1)]
        return Found(
            kills=self._kills,
            submits=sum(mark.what == "begin" for mark in marks),
            double_submits=double_submits(marks),
            components_lost=sum(g.components_lost for g in gaps) + COMPONENTS * unseen,
            decisions_lost=sum(g.decisions_lost for g in gaps),
            doubled=sum(g.doubled for g in gaps),
            left_running=sum(len(driver.processes()) for driver in drivers),
            polls=tuple(int(p.read_text()) for p in self._attached if p.exists()),
            wrong=wrong(result, marks),
            seconds=round(time.monotonic() - self._began_at, 1),
        )
