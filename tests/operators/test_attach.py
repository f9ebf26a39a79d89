"""What a later try finds of earlier ones. The driver is a process, without Spark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_enel.control.lifetime import Driver
from airflow_enel.domain import Bounds, Run, RunKey, RunState
from airflow_enel.history.base import HistoryUnavailable, RunRow, UnknownRun
from airflow_enel.operators.attach import (
    RECORD_KEY,
    Earlier,
    Record,
    Submission,
    earlier_application,
    note,
)
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder
from tests.support.fakes.tasks import StateStore
from tests.support.processes.waiting import until

FIRST = RunKey("dag", "run", "task", -1, submit_try=1)
SECOND = replace(FIRST, submit_try=2)
ELSEWHERE = Record(1, "another-host")


class Remembers:
    """A history that knows the state of the first run, if any, and no agent."""

    def __init__(self, state: RunState | None) -> None:
        self._state = state

    def run(self, run_id: str) -> RunRow:
        if self._state is None:
            raise UnknownRun(run_id)
        return RunRow(run_id, submission().run, self._state, None, 0)

    def agent_of(self, run_id: str) -> None:
        return None


class Away:
    """A history that cannot be reached."""

    def __getattr__(self, name: str) -> Any:
        raise HistoryUnavailable("away")


def submission(key: RunKey = FIRST) -> Submission:
    run = Run(key, "job", "a.py", "static", Bounds(1, 2), None, 1, 1000.0)
    return Submission(run, "the secret")


def submitted(base: Path, script: str, key: RunKey = FIRST) -> ClientDriver:
    folder = DriverFolder.of(key.id, base)
    folder.make()
    note(folder, submission(key))
    return ClientDriver.start(folder, [sys.executable, "-c", script], dict(os.environ))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "work"


def on_this_worker(base: Path, record: Record | None = None) -> Earlier | None:
    return earlier_application(SECOND, base, record, None)


def state(found: Earlier | None) -> Driver | None:
    return found.evidence.driver if found else None


def test_a_first_try_finds_nothing(base: Path) -> None:
    assert earlier_application(FIRST, base, None, None) is None


def test_a_driver_that_runs_is_found_with_its_token(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.pid.exists)
    found = on_this_worker(base)

    assert found is not None
    assert found.submission == submission()
    assert found.evidence.driver is Driver.RUNNING
    found.driver.bury()


def test_success_that_nobody_has_delivered_is_found(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.exit_code() is not None)
    assert state(on_this_worker(base)) is Driver.SUCCEEDED


def test_a_result_that_was_delivered_is_not_found_again(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.exit_code() is not None)
    ended.folder.remove()
    assert on_this_worker(base) is None


@pytest.mark.parametrize("script", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_driver_that_has_failed_is_over(base: Path, script: str) -> None:
    ended = submitted(base, script)
    until(lambda: ended.exit_code() is not None)
    assert state(on_this_worker(base)) is Driver.OVER


def test_a_driver_that_was_killed_on_purpose_is_over_even_while_it_ends(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.pid.exists)
    running.kill()
    found = on_this_worker(base)
    assert state(found) is Driver.OVER
    assert found is not None
    found.driver.bury()
    assert running.processes() == []


@pytest.mark.parametrize("noted", [True, False])
def test_a_driver_that_was_never_started_is_over(base: Path, noted: bool) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    if noted:
        note(folder, submission())
    assert state(on_this_worker(base)) is Driver.OVER


def test_a_driver_without_its_keeper_runs_because_unknown_is_not_dead(base: Path) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    note(folder, submission())
    argument = f"spark.enel.agent.portFile={folder.port}"
    with subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE):
        until(lambda: ClientDriver(folder).processes())
        found = on_this_worker(base)
    assert state(found) is Driver.RUNNING


def test_of_several_drivers_the_one_that_runs_is_found_and_the_others_go(base: Path) -> None:
    failed = submitted(base, "raise SystemExit(3)", SECOND)
    until(lambda: failed.exit_code() is not None)
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.pid.exists)
    found = earlier_application(replace(FIRST, submit_try=3), base, None, None)
    assert found is not None
    assert found.key == FIRST
    assert not failed.folder.exists
    found.driver.bury()


def test_a_task_that_did_not_wait_has_handed_its_driver_over(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.exit_code() is not None)
    found = on_this_worker(base, Record.here(1, handed_over=True))
    assert found is not None
    assert found.evidence.handed_over


@pytest.mark.parametrize("recorded", [None, RunState.RUNNING, RunState.SUCCEEDED])
def test_of_an_application_elsewhere_the_history_tells(
    base: Path, recorded: RunState | None
) -> None:
    found = earlier_application(SECOND, base, ELSEWHERE, Remembers(recorded))  # type: ignore[arg-type]
    assert found is not None
    assert found.evidence.driver is Driver.ABSENT
    assert not found.evidence.submitted_here
    assert found.evidence.recorded is recorded


def test_without_a_history_nothing_is_known_of_an_application_elsewhere(base: Path) -> None:
    found = earlier_application(SECOND, base, ELSEWHERE, Away())  # type: ignore[arg-type]
    assert found is not None
    assert (found.evidence.recorded, found.evidence.agent_answers) == (None, False)


def test_what_this_try_has_recorded_itself_is_no_earlier_application(base: Path) -> None:
    assert earlier_application(FIRST, base, ELSEWHERE, None) is None


def test_a_record_comes_back_as_it_was_written() -> None:
    store = StateStore()
    Record.here(3, handed_over=True).write(store)
    assert Record.read(store) == Record(3, socket.gethostname(), handed_over=True)


@pytest.mark.parametrize("odd", [None, "x", 3, {}, {"submit_try": "1", "host": "a"}])
def test_a_record_that_cannot_be_read_is_none(odd: Any) -> None:
    assert Record.read(StateStore({RECORD_KEY: odd})) is None


def test_the_note_with_the_token_is_for_its_owner_only(base: Path) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    note(folder, submission())
    assert folder.run.stat().st_mode & 0o077 == 0
