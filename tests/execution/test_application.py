"""A task and its application: told to stop, and its result used."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.domain import RunKey, TaskStanding
from airflow_enel.execution.application import TaskApplication
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.result_reporter import ReporterCredentials
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.fakes.applications import FakeDriver
from tests.support.fakes.tasks import StateStore

KEY = RunKey("dag", "run", "job", -1, 1)
LOG = cast("Any", logging.getLogger("application"))
EVICTED = TaskStanding("running", current=True, retry_remains=True)
MARKED = TaskStanding("failed", current=True, retry_remains=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path))
    made = RunFolder.of(KEY.id, tmp_path)
    made.make()
    return made


@pytest.fixture
def driver(folder: RunFolder) -> FakeDriver:
    return FakeDriver(folder)


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def application(store: StateStore) -> TaskApplication:
    return TaskApplication(context(store), LOG)


def context(store: StateStore | None) -> Any:
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="job", map_index=-1)
    ti.try_number, ti.max_tries = 1, 1
    return {"ti": ti, "task_state_store": store}


def standing(application: TaskApplication, seen: TaskStanding | None) -> TaskApplication:
    application.access = HistoryAccess(None, ask=lambda: seen)
    return application


# Told to stop


def test_an_application_that_a_retry_takes_up_is_left_alone(
    application: TaskApplication, driver: FakeDriver
) -> None:
    standing(application, EVICTED).attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (0, False)


def test_what_a_signal_has_to_say_is_not_logged_before_the_interrupted_line_has_ended(
    application: TaskApplication, driver: FakeDriver, caplog: pytest.LogCaptureFixture
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


def test_nobody_retries_without_an_airflow(
    application: TaskApplication, driver: FakeDriver
) -> None:
    application.attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (1, True)


def test_a_user_who_marks_the_task_ends_the_application(
    application: TaskApplication, driver: FakeDriver
) -> None:
    standing(application, MARKED).attach_driver(driver)
    application.kill()
    assert (driver.kills, application.is_killed()) == (1, True)


def test_a_driver_that_starts_while_the_task_is_told_to_stop_is_ended(
    application: TaskApplication, driver: FakeDriver
) -> None:
    application.kill()
    application.attach_driver(driver)
    assert driver.kills == 1


# Its result used


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


def test_records_that_are_left_stay_for_the_result_reporter(
    application: TaskApplication, folder: RunFolder, store: StateStore
) -> None:
    folder.reporter_credentials.touch()
    application.save_task_state(1)
    application.mark_consumed(folder, left=1)
    assert store == {}
    assert (folder.path.exists(), folder.exists) == (True, False)


def test_without_a_store_there_is_nothing_to_forget(folder: RunFolder) -> None:
    application = TaskApplication(context(None), LOG)
    application.save_task_state(1)
    application.mark_consumed(folder, left=1)
    assert not folder.path.exists()
