"""Tells the history how an application ended whose task is not there to tell.

The keeper of a driver starts this in the worker when the driver has ended and the task that
followed it is dead, or did not wait for it: so a sensor, a later try on another worker and the
history learn the result all the same. It is a process of its own, without Airflow, and has the
capability of the try that submitted the application. Everything that it writes may be repeated.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

import psutil
from pydantic import TypeAdapter, ValidationError

from airflow_enel.control.outcome import final_state, outcome
from airflow_enel.domain.wire import STRICT
from airflow_enel.history.base import History, HistoryRefused, HistoryUnavailable
from airflow_enel.history.capability import TaskIdentity
from airflow_enel.history.client import HttpHistory, Requests
from airflow_enel.operators.attach import Submission, read_submission, write_private
from airflow_enel.spark.live import LiveApplication
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder, DriverLost

log = logging.getLogger(__name__)

_PAUSE_S: Final = 15.0
_PATIENCE_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Home:
    """The way to the history that a task leaves for the messenger.

    :param api_url: address of the API server
    :param token: a capability of the task
    :param task: `TaskIdentity.header` of the try that has it
    """

    __pydantic_config__: ClassVar = STRICT

    api_url: str
    token: str
    task: str


_HOME = TypeAdapter(Home)


def leave_home(folder: DriverFolder, home: Home) -> None:
    """Leave the way to the history in a driver's folder, readable by its owner only."""
    write_private(folder.home, _HOME.dump_json(home))


def deliver(
    folder: DriverFolder,
    history: History,
    submission: Submission,
    sleep: Callable[[float], None] = time.sleep,
    patience_s: float = _PATIENCE_S,
) -> bool:
    """Tell the history what it has not heard of a run, again and again while it is away.

    :returns: False if it could not be told at all
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            _send_spooled(folder, history)
            if not folder.delivered.exists():
                _tell(folder, history, submission)
        except HistoryUnavailable as error:
            if time.monotonic() >= deadline:
                log.warning("The history stays away, so the result is not told: %s", error)
                return False
        except HistoryRefused as error:
            log.warning("The history does not take the result: %s", error)
            return False
        else:
            return True
        sleep(_PAUSE_S)


def _send_spooled(folder: DriverFolder, history: History) -> None:
    queue = history.write_queue(folder.spool, log)
    if queue.replay() and isinstance(queue.trouble, HistoryUnavailable):
        raise queue.trouble


def _tell(folder: DriverFolder, history: History, submission: Submission) -> None:
    run, application = submission.run, LiveApplication()
    snapshot = application.read_final(folder.final)
    if snapshot is None:  # its components are in the history as far as anybody has seen them
        snapshot = replace(application.nothing(), complete=False)
    exit_code: int | None = None
    with suppress(DriverLost):
        exit_code = ClientDriver(folder).exit_code()
    state = final_state(exit_code, killed=folder.killed.exists())
    with suppress(HistoryRefused):  # a later try has taken over, and has told it already
        history.open_run(run, submission.token)
    history.save_components(run.key.id, snapshot.finished_components)
    history.finish_run(run.key.id, outcome(snapshot, exit_code, run.runtime_target_s, state))


def bring_home(folder: DriverFolder) -> None:
    """Wait for the end of whoever watches the driver, and tell what it has not told."""
    while folder.path.is_dir() and _is_watched(folder):
        time.sleep(1.0)
    submission = read_submission(folder)
    try:
        home = _HOME.validate_json(folder.home.read_bytes())
        task = TaskIdentity.from_header(home.task)
    except (OSError, ValidationError, ValueError):
        return  # the result was delivered, and the folder is gone
    if submission is None:
        return
    with HttpHistory(Requests(home.api_url, home.token, task)) as history:
        told = deliver(folder, history, submission)
    if folder.killed.exists() or (told and folder.delivered.exists()):
        folder.remove()
    elif told:
        with suppress(OSError):
            folder.home.unlink()  # the output stays for a while, the capability must not
            folder.told.touch()


def _is_watched(folder: DriverFolder) -> bool:
    try:
        watcher = psutil.Process(int(folder.watcher.read_text()))
        return bool(watcher.status() != psutil.STATUS_ZOMBIE)
    except (OSError, ValueError, psutil.Error):
        return False


def main() -> None:
    """Bring home what is in the folder that is the only argument."""
    if os.fork():  # leave the driver's process group: a signal to it must not end this one
        os._exit(0)
    os.setsid()
    bring_home(DriverFolder(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
