"""What becomes of an application and of the word of it: told to stop, handed over, delivered."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.domain import Bounds, RunKey, TaskStanding
from airflow_enel.history.base import Record
from airflow_enel.history.records import AgentSaved, RunOpened
from airflow_enel.operators import start as start_module
from airflow_enel.operators.arguments import SubmitArguments
from airflow_enel.operators.attach import RECORD_KEY
from airflow_enel.operators.charge import Charge
from airflow_enel.operators.connect import Connection
from airflow_enel.operators.handover import hand_over
from airflow_enel.operators.messenger import Home
from airflow_enel.operators.observe import steering_of
from airflow_enel.operators.request import RunRequest
from airflow_enel.operators.start import start
from airflow_enel.spark.submission.keeper import DriverFolder
from tests.support.fakes.tasks import StateStore, task_context

KEY = RunKey("dag", "run", "job", -1, 1)
LOG = cast("Any", logging.getLogger("charge"))
EVICTED = TaskStanding("running", current=True, retry_remains=True)
MARKED = TaskStanding("failed", current=True, retry_remains=True)


@dataclass
class Driver:
    """A driver that does nothing."""

    folder: DriverFolder
    code: int | None = None
    kills: int = 0

    def kill(self) -> None:
        self.kills += 1

    def exit_code(self) -> int | None:
        return self.code


@dataclass
class Writer:
    """Remembers the kinds of what is written."""

    pending: int = 0
    written: list[type] = field(default_factory=list)

    def write(self, record: Record) -> None:
        self.written.append(type(record))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DriverFolder:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path))
    made = DriverFolder.of(KEY.id, tmp_path)
    made.make()
    return made


@pytest.fixture
def driver(folder: DriverFolder) -> Any:
    return Driver(folder)


@pytest.fixture
def store() -> StateStore:
    return StateStore()


@pytest.fixture
def charge(store: StateStore) -> Charge:
    return Charge(task_context(task_state_store=store), LOG)


def standing(charge: Charge, seen: TaskStanding | None) -> Charge:
    charge.connection = Connection(None, ask=lambda: seen)
    return charge


# Told to stop


def test_an_application_that_a_retry_takes_up_is_left_alone(charge: Charge, driver: Any) -> None:
    standing(charge, EVICTED).take(driver)
    charge.kill()
    assert (driver.kills, charge.is_killed()) == (0, False)


def test_what_a_signal_has_to_say_is_not_logged_before_the_interrupted_line_has_ended(
    charge: Charge, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    standing(charge, EVICTED).take(driver)
    with caplog.at_level(logging.DEBUG):
        charge.kill()
        assert caplog.messages == []
        charge.speak()
        charge.speak()
    (message,) = caplog.messages
    assert "runs on for its retry" in message


@pytest.mark.parametrize("seen", [EVICTED, None], ids=["an eviction", "nobody answers"])
def test_one_that_was_not_submitted_yet_never_is(charge: Charge, seen: Any) -> None:
    standing(charge, seen).kill()
    assert charge.is_killed()


def test_nobody_retries_without_an_airflow(charge: Charge, driver: Any) -> None:
    charge.take(driver)
    charge.kill()
    assert (driver.kills, charge.is_killed()) == (1, True)


def test_a_user_who_marks_the_task_ends_the_application(charge: Charge, driver: Any) -> None:
    standing(charge, MARKED).take(driver)
    charge.kill()
    assert (driver.kills, charge.is_killed()) == (1, True)


def test_a_driver_that_starts_while_the_task_is_told_to_stop_is_ended(
    charge: Charge, driver: Any
) -> None:
    charge.kill()
    charge.take(driver)
    assert driver.kills == 1


def test_a_task_that_was_told_to_stop_submits_nothing_and_leaves_nothing(
    charge: Charge, folder: DriverFolder, store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = RunRequest(KEY, "job", __file__, "static", Bounds(1, 2), None)
    arguments = SubmitArguments(__file__, {}, None, None, {}, None, None, None)
    monkeypatch.setattr(start_module, "command_of", lambda *_: (None, ["false"], {}))
    monkeypatch.setattr(start_module.ClientDriver, "start", None)
    steering = steering_of("static", None, Bounds(1, 2), 1, ())
    writer = Writer()
    charge.kill()
    with pytest.raises(AirflowException, match="killed before its application was submitted"):
        start(request, arguments, None, steering, (), cast("Any", writer), charge, LOG)  # type: ignore[arg-type]
    assert writer.written == [RunOpened]
    assert (store, folder.path.exists()) == ({}, False)


# Delivered


def test_a_result_that_is_delivered_leaves_nothing_behind(
    charge: Charge, folder: DriverFolder, store: StateStore
) -> None:
    revoked: list[str] = []
    home = Home("http://a", "capability", "task")
    charge.connection = Connection(None, lease=lambda: home, revoke=revoked.append)
    charge.connection.home()
    charge.record(1)
    charge.deliver(folder, left=0)
    assert (store, revoked, folder.path.exists()) == ({}, ["capability"], False)


def test_records_that_are_left_stay_for_the_messenger(
    charge: Charge, folder: DriverFolder, store: StateStore
) -> None:
    folder.home.touch()
    charge.record(1)
    charge.deliver(folder, left=1)
    assert store == {}
    assert (folder.path.exists(), folder.exists) == (True, False)


def test_without_a_store_there_is_nothing_to_forget(folder: DriverFolder) -> None:
    charge = Charge(task_context(task_state_store=None), LOG)
    charge.record(1)
    charge.deliver(folder, left=1)
    assert not folder.path.exists()


# Handed over


def test_a_driver_whose_agent_is_up_is_left_to_its_keeper(
    charge: Charge, driver: Any, store: StateStore
) -> None:
    driver.folder.home.touch()
    driver.folder.watcher.touch()
    driver.folder.port.write_text(json.dumps({"host": "127.0.0.1", "port": 9, "pid": 1}))
    charge.take(driver)
    writer = Writer()
    assert hand_over(KEY, charge, cast("Any", writer), LOG, 0.0)
    assert writer.written == [AgentSaved]
    record = {"submit_try": 1, "host": socket.gethostname(), "handed_over": True}
    assert store == {RECORD_KEY: record}
    assert not driver.folder.watcher.exists()


def test_a_driver_that_has_ended_is_not_handed_over(
    charge: Charge, driver: Any, store: StateStore
) -> None:
    driver.folder.home.touch()
    driver.code = 0
    charge.take(driver)
    assert not hand_over(KEY, charge, cast("Any", Writer()), LOG, 0.0)
    assert store == {}


def test_without_a_way_to_the_history_it_is_waited_for(
    charge: Charge, driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    charge.take(driver)
    assert not hand_over(KEY, charge, cast("Any", Writer()), LOG, 0.0)
    assert "nobody could tell how it ends" in caplog.text
