# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The result reporter: a driver that is a process without Spark, the real API server behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, Run, RunKey, RunState
from airflow_enel.execution.clock import Clock
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.execution.result_reporter import (
    MODULE,
    ReporterCredentials,
    report_result,
    run_reporter,
    write_credentials,
)
from airflow_enel.history.interface import HistoryUnavailable, UnknownRun
from airflow_enel.history.memory_queue import MemoryQueue
from airflow_enel.history.records import RunOpened
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder, Submission
from tests.support.processes.waiting import until

pytestmark = pytest.mark.processes


def state_of(key: RunKey) -> RunState | None:
    from airflow_enel.history.sql.repository import SqlHistory

    try:
        return SqlHistory().run(key.id).state
    except UnknownRun:
        return None


@pytest.fixture
def left(api_url: str, running_task: Any, tmp_path: Path) -> tuple[RunFolder, Submission]:
    """The folder of a driver whose task will be gone."""
    task, token = running_task("messenger")
    key = RunKey(task.dag_id, task.run_id, task.task_id, task.map_index, 1)
    run = Run(key, "job", "a.py", "static", Bounds(1, 2), None, 1, 1000.0)
    folder = RunFolder.of(key.id, tmp_path / "work")
    folder.make()
    submission = Submission(run, "the secret")
    folder.write_submission(submission)
    write_credentials(folder, ReporterCredentials(api_url, token, task.header()))
    return folder, submission


def start(folder: RunFolder, script: str) -> ClientDriver:
    return ClientDriver.start(folder, MODULE, [sys.executable, "-c", script], dict(os.environ))


@pytest.mark.parametrize(
    ("script", "state"), [("", RunState.SUCCEEDED), ("raise SystemExit(3)", RunState.FAILED)]
)
def test_the_result_of_a_driver_without_a_task_is_told_and_its_output_kept(
    left: tuple[RunFolder, Submission], script: str, state: RunState
) -> None:
    folder, submission = left
    start(folder, script)
    until(folder.reported.exists)
    assert state_of(submission.run.key) is state
    assert folder.driver_log.exists()
    assert not folder.reporter_credentials.exists()


def test_nothing_is_told_while_the_task_lives_and_can_tell_itself(
    left: tuple[RunFolder, Submission],
) -> None:
    folder, submission = left
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as watcher:
        folder.follower_pid.write_text(str(watcher.pid))
        driver = start(folder, "")
        until(lambda: driver.get_result() is not None)
        assert driver.processes()  # the supervisor, which waits
        assert state_of(submission.run.key) is None
    until(lambda: state_of(submission.run.key) is RunState.SUCCEEDED)


def test_a_result_that_the_task_has_delivered_is_not_told_again(
    left: tuple[RunFolder, Submission],
) -> None:
    folder, submission = left
    folder.mark_followed()
    driver = start(folder, "")
    until(lambda: driver.get_result() is not None)
    folder.remove()
    until(lambda: driver.processes() == [])
    assert state_of(submission.run.key) is None


def test_a_driver_that_was_killed_is_told_as_killed_and_leaves_nothing(
    left: tuple[RunFolder, Submission],
) -> None:
    folder, submission = left
    driver = start(folder, "import time; time.sleep(60)")
    until(folder.supervisor_pid.exists)
    driver.kill()
    until(lambda: state_of(submission.run.key) is RunState.KILLED)
    until(lambda: not folder.path.exists())


def test_what_a_task_could_not_record_is_sent_after_it_and_nothing_else(
    left: tuple[RunFolder, Submission],
) -> None:

    from airflow_enel.history.http.capability import TaskIdentity
    from airflow_enel.history.http.client import HttpHistory, Requests

    folder, submission = left
    key = submission.run.key
    task = TaskIdentity(key.dag_id, key.run_id, key.task_id, key.map_index, 1)
    away = HttpHistory(Requests("http://127.0.0.1:9", "no token", task, total_s=0.1))
    writer = BufferedWriter(away, _silent(), spool=folder.spool)
    writer.write(RunOpened(submission.run, submission.token))
    folder.exit_code.write_text("0")
    folder.consumed.touch()
    run_reporter(folder)
    assert state_of(key) is RunState.SUBMITTED
    assert not folder.path.exists()


def _silent() -> Any:
    import logging

    return logging.getLogger("silent")


def test_the_credentials_are_for_their_owner_only(left: tuple[RunFolder, Submission]) -> None:
    assert left[0].reporter_credentials.stat().st_mode & 0o077 == 0


class Shaky:
    """A history that is away for some calls."""

    def __init__(self, away: int) -> None:
        self.away = away
        self.finished: list[RunState] = []

    def write_queue(self, file: Path, log: Any) -> MemoryQueue:
        return MemoryQueue(cast("Any", self), log)

    def open_run(self, run: Run, token: str | None) -> None:
        self.away -= 1
        if self.away >= 0:
            raise HistoryUnavailable("away")

    def save_components(self, run_id: str, components: Any) -> None:
        pass

    def finish_run(self, run_id: str, outcome: Any) -> None:
        self.finished.append(outcome.state)


@pytest.mark.parametrize(("patience_s", "told"), [(1000.0, True), (-1.0, False)])
def test_a_history_that_is_away_is_told_when_it_is_back(
    left: tuple[RunFolder, Submission], patience_s: float, told: bool
) -> None:
    folder, submission = left
    folder.exit_code.write_text("0")
    shaky: Any = Shaky(away=3)
    clock = Clock(sleep=lambda _: None)
    assert report_result(folder, shaky, submission, patience_s, clock) is told
    assert shaky.finished == ([RunState.SUCCEEDED] if told else [])


def test_an_application_of_which_nothing_is_known_is_not_recorded_as_complete(
    left: tuple[RunFolder, Submission],
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    folder, submission = left
    start(folder, "")
    until(folder.reported.exists)
    outcome = SqlHistory().run(submission.run.key.id).outcome
    assert outcome is not None
    assert not outcome.complete
