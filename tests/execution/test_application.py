"""What becomes of an application and of the word of it: told to stop, handed over, delivered."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_enel.domain import RunKey, TaskStanding
from airflow_enel.execution.application import TaskApplication
from airflow_enel.execution.clock import SYSTEM_CLOCK
from airflow_enel.execution.detach import detach
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.result_reporter import ReporterCredentials
from airflow_enel.execution.submission_record import RECORD_KEY
from airflow_enel.history.base import Record
from airflow_enel.history.records import AgentSaved
from airflow_enel.spark.client import AgentAddress
from airflow_enel.spark.submission.address import read_address
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.fakes.tasks import StateStore, task_context

KEY = RunKey("dag", "run", "job", -1, 1)
LOG = cast("Any", logging.getLogger("application"))
EVICTED = TaskStanding("running", current=True, retry_remains=True)
MARKED = TaskStanding("failed", current=True, retry_remains=True)


@dataclass
class Driver:
    """A driver that does nothing."""

    folder: RunFolder
    code: int | None = None
    kills: int = 0

    def kill(self) -> None:
        self.kills += 1

    def get_result(self) -> int | None:
        return self.code

    def get_agent_address(self) -> AgentAddress | None:
        return read_address(self.folder.agent_address)


@dataclass
class Writer:
    """Remembers the kinds of what is written."""

    pending: int = 0
    written: list[type] = field(default_factory=list)

    def write(self, record: Record) -> None:
        self.written.append(type(record))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path))
    made = RunFolder.of(KEY.id, tmp_path)
    made.make()
    return made


@pytest.fixture
def driver(folder: RunFolder) -> Any:
    return Driver(folder)


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def application(store: StateStore) -> TaskApplication:
    return TaskApplication(task_context(task_state_store=store), LOG)


def standing(application: TaskApplication, seen: TaskStanding | None) -> TaskApplication:
    application.access = HistoryAccess(None, ask=lambda: seen)
    return application


# Told to stop


def test_an_application_that_a_retry_takes_up_is_left_alone(
    application: TaskApplication, driver: Any
) -> None:
    standing(application, EVICTED).attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (0, False)


def test_what_a_signal_has_to_say_is_not_logged_before_the_interrupted_line_has_ended(
    application: TaskApplication, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    standing(application, EVICTED).attach_driver(driver)
    with caplog.at_level(logging.DEBUG):
        application.kill()
        assert caplog.messages == []
        application.flush_deferred_log()
        application.flush_deferred_log()
    (message,) = caplog.messages
    assert "runs on for its retry" in message


@pytest.mark.parametrize("seen", [EVICTED, None], ids=["an eviction", "nobody answers"])
def test_one_that_was_not_submitted_yet_never_is(application: TaskApplication, seen: Any) -> None:
    standing(application, seen).kill()
    assert application.is_killed()


def test_nobody_retries_without_an_airflow(application: TaskApplication, driver: Any) -> None:
    application.attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (1, True)


def test_a_user_who_marks_the_task_ends_the_application(
    application: TaskApplication, driver: Any
) -> None:
    standing(application, MARKED).attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (1, True)


def test_a_driver_that_starts_while_the_task_is_told_to_stop_is_ended(
    application: TaskApplication, driver: Any
) -> None:
    application.kill()
    application.attach_driver(driver)
    assert driver.kills == 1


# Delivered


def test_a_result_that_is_delivered_leaves_nothing_behind(
    application: TaskApplication, folder: RunFolder, store: StateStore
) -> None:
    revoked: list[str] = []
    home = ReporterCredentials("http://a", "capability", "task")
    application.access = HistoryAccess(None, lease=lambda: home, revoke=revoked.append)
    application.access.reporter_credentials()
    application.save_task_state(1)
    application.mark_consumed(folder, left=0)
    assert (store, revoked, folder.path.exists()) == ({}, ["capability"], False)


def test_records_that_are_left_stay_for_the_messenger(
    application: TaskApplication, folder: RunFolder, store: StateStore
) -> None:
    folder.reporter_credentials.touch()
    application.save_task_state(1)
    application.mark_consumed(folder, left=1)
    assert store == {}
    assert (folder.path.exists(), folder.exists) == (True, False)


def test_without_a_store_there_is_nothing_to_forget(folder: RunFolder) -> None:
    application = TaskApplication(task_context(task_state_store=None), LOG)
    application.save_task_state(1)
    application.mark_consumed(folder, left=1)
    assert not folder.path.exists()


# Handed over


def test_a_driver_whose_agent_is_up_is_left_to_its_keeper(
    application: TaskApplication, driver: Any, store: StateStore
) -> None:
    driver.folder.reporter_credentials.touch()
    driver.folder.follower_pid.touch()
    driver.folder.agent_address.write_text(json.dumps({"host": "127.0.0.1", "port": 9, "pid": 1}))
    application.attach_driver(driver)
    writer = Writer()
    assert detach(KEY, application, cast("Any", writer), LOG, 0.0, SYSTEM_CLOCK)
    assert writer.written == [AgentSaved]
    record = {"submit_try": 1, "host": socket.gethostname(), "handed_over": True}
    assert store == {RECORD_KEY: record}
    assert not driver.folder.follower_pid.exists()


def test_a_driver_that_has_ended_is_not_handed_over(
    application: TaskApplication, driver: Any, store: StateStore
) -> None:
    driver.folder.reporter_credentials.touch()
    driver.code = 0
    application.attach_driver(driver)
    assert not detach(KEY, application, cast("Any", Writer()), LOG, 0.0, SYSTEM_CLOCK)
    assert store == {}


def test_without_a_way_to_the_history_it_is_waited_for(
    application: TaskApplication, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    application.attach_driver(driver)
    assert not detach(KEY, application, cast("Any", Writer()), LOG, 0.0, SYSTEM_CLOCK)
    assert "nobody could report how it ends" in caplog.text
