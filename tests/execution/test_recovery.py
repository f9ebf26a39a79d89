"""What a later try finds of earlier ones. The driver is a process, without Spark."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, DriverStatus, Run, RunKey, RunState
from airflow_enel.execution.recovery import EarlierAttempt, Recovery
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.history.interface import HistoryUnavailable, RunRow, UnknownRun
from airflow_enel.spark.submission.client.submitter import ClientSubmitter
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder, Submission
from tests.support.processes.waiting import until

pytestmark = pytest.mark.processes

FIRST = RunKey("dag", "run", "task", -1, submit_try=1)
SECOND = replace(FIRST, submit_try=2)
ELSEWHERE = SubmissionRecord(1, "another-host")
REPORTER = "no.reporter"
LOG = cast("Any", logging.getLogger("recovery"))


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
    folder = RunFolder.of(key.id, base)
    folder.make()
    folder.write_submission(submission(key))
    return ClientDriver.start(folder, REPORTER, [sys.executable, "-c", script], dict(os.environ))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "work"


def earlier(
    key: RunKey, base: Path, record: SubmissionRecord | None, history: Any
) -> EarlierAttempt | None:
    submitter = ClientSubmitter(cast("Any", None), cast("Any", None), base, REPORTER, LOG)
    recovery = Recovery(key, submitter, None, history, LOG, durable=True, patience_s=0)
    return recovery.find(record)


def on_this_worker(base: Path, record: SubmissionRecord | None = None) -> EarlierAttempt | None:
    return earlier(SECOND, base, record, None)


def removed(found: EarlierAttempt) -> None:
    found.application.terminate()
    found.application.folder.remove()


def state(found: EarlierAttempt | None) -> DriverStatus | None:
    return found.status.driver if found else None


def test_a_first_try_finds_nothing(base: Path) -> None:
    assert earlier(FIRST, base, None, None) is None


def test_a_driver_that_runs_is_found_with_its_token(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.supervisor_pid.exists)
    found = on_this_worker(base)

    assert found is not None
    assert (found.run, found.token) == (submission().run, "the secret")
    assert found.status.driver is DriverStatus.RUNNING
    removed(found)


def test_success_that_nobody_has_delivered_is_found(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.get_result() is not None)
    assert state(on_this_worker(base)) is DriverStatus.SUCCEEDED


def test_a_result_that_was_delivered_is_not_found_again(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.get_result() is not None)
    ended.folder.remove()
    assert on_this_worker(base) is None


@pytest.mark.parametrize("script", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_driver_that_has_failed_is_over(base: Path, script: str) -> None:
    ended = submitted(base, script)
    until(lambda: ended.get_result() is not None)
    assert state(on_this_worker(base)) is DriverStatus.OVER


def test_a_driver_that_was_killed_on_purpose_is_over_even_while_it_ends(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.supervisor_pid.exists)
    running.kill()
    found = on_this_worker(base)
    assert state(found) is DriverStatus.OVER
    assert found is not None
    removed(found)
    assert running.processes() == []


@pytest.mark.parametrize("noted", [True, False])
def test_a_driver_that_was_never_started_is_over(base: Path, noted: bool) -> None:
    folder = RunFolder.of(FIRST.id, base)
    folder.make()
    if noted:
        folder.write_submission(submission())
    assert state(on_this_worker(base)) is DriverStatus.OVER


def test_a_driver_without_its_supervisor_runs_because_unknown_is_not_dead(base: Path) -> None:
    folder = RunFolder.of(FIRST.id, base)
    folder.make()
    folder.write_submission(submission())
    argument = f"spark.enel.agent.portFile={folder.agent_address}"
    with subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE):
        until(lambda: ClientDriver(folder, REPORTER).processes())
        found = on_this_worker(base)
    assert state(found) is DriverStatus.RUNNING


def test_of_several_drivers_the_one_that_runs_is_found_and_the_others_go(base: Path) -> None:
    failed = submitted(base, "raise SystemExit(3)", SECOND)
    until(lambda: failed.get_result() is not None)
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.supervisor_pid.exists)
    found = earlier(replace(FIRST, submit_try=3), base, None, None)
    assert found is not None
    assert found.key == FIRST
    assert not failed.folder.exists
    removed(found)


def test_a_task_that_did_not_wait_has_handed_its_driver_over(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.get_result() is not None)
    found = on_this_worker(base, SubmissionRecord.here(1, handed_over=True))
    assert found is not None
    assert found.status.handed_over


@pytest.mark.parametrize("recorded", [None, RunState.SUBMITTED, RunState.SUCCEEDED])
def test_of_an_application_elsewhere_the_history_tells(
    base: Path, recorded: RunState | None
) -> None:
    found = earlier(SECOND, base, ELSEWHERE, Remembers(recorded))
    assert found is not None
    assert found.status.driver is DriverStatus.ABSENT
    assert not found.status.submitted_here
    assert found.status.recorded is recorded


def test_without_a_history_nothing_is_known_of_an_application_elsewhere(base: Path) -> None:
    found = earlier(SECOND, base, ELSEWHERE, Away())
    assert found is not None
    assert (found.status.recorded, found.status.agent_answers) == (None, False)


def test_what_this_try_has_recorded_itself_is_no_earlier(base: Path) -> None:
    assert earlier(FIRST, base, ELSEWHERE, None) is None


def test_the_note_with_the_token_is_for_its_owner_only(base: Path) -> None:
    folder = RunFolder.of(FIRST.id, base)
    folder.make()
    folder.write_submission(submission())
    assert folder.submission.stat().st_mode & 0o077 == 0
