"""Reports how an application ended whose task is gone: a process of its own, without Airflow.

The supervisor of a driver starts it on the worker when the driver has ended and the task that
followed it is dead, or did not wait for it. It writes the components and the result to the
history, so that a sensor, a later try on another worker and the pages know them. It has the
capability of the try that submitted the application. Everything that it writes may be repeated.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

import psutil
from pydantic import TypeAdapter, ValidationError

from airflow_enel.control.outcome import final_state, outcome
from airflow_enel.domain.wire import STRICT
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.history.http.capability import TaskIdentity
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import History, HistoryRefused, HistoryUnavailable
from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.submission.run_folder import RunFolder, Submission, write_private

log = logging.getLogger(__name__)

MODULE: Final = "airflow_enel.execution.result_reporter"
"""What a supervisor starts; ``__name__`` is another one there."""


_PAUSE_S: Final = 15.0
_PATIENCE_S: Final = 24 * 3600.0
_LOOK_AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ReporterCredentials:
    """The way to the history that a task leaves for the result reporter.

    :param api_url: address of the API server
    :param token: a capability of the task
    :param task: `TaskIdentity.header` of the try that has it
    """

    __pydantic_config__: ClassVar = STRICT

    api_url: str
    token: str
    task: str


_CREDENTIALS: Final = TypeAdapter(ReporterCredentials)


def write_credentials(folder: RunFolder, credentials: ReporterCredentials) -> None:
    """Keep the way to the history in the folder of a run, readable by its owner only."""
    write_private(folder.reporter_credentials, _CREDENTIALS.dump_json(credentials))


def report_result(
    folder: RunFolder,
    history: History,
    submission: Submission,
    patience_s: float = _PATIENCE_S,
    clock: Clock = SYSTEM_CLOCK,
) -> bool:
    """Write to the history what it does not know of a run that has ended.

    :param patience_s: how long to try again while the history is away
    :returns: False if it could not be written
    """
    deadline = clock.now() + patience_s
    while True:
        try:
            _send_pending(folder, history)
            if not folder.consumed.exists():
                _write_result(folder, history, submission)
        except HistoryUnavailable as error:
            if clock.now() >= deadline:
                log.warning("The history stays away, so the result is not reported: %s", error)
                return False
        except HistoryRefused as error:
            log.warning("The history does not accept the result: %s", error)
            return False
        else:
            return True
        clock.sleep(_PAUSE_S)


def _send_pending(folder: RunFolder, history: History) -> None:
    queue = history.write_queue(folder.spool, log)
    if queue.replay() and isinstance(queue.trouble, HistoryUnavailable):
        raise queue.trouble


def _write_result(folder: RunFolder, history: History, submission: Submission) -> None:
    run, application = submission.run, AgentReader()
    snapshot = application.read_final(folder.final_state)
    if snapshot is None:  # its components are in the history as far as they were observed
        snapshot = replace(application.nothing(), complete=False)
    exit_code = folder.read_exit_code()
    state = final_state(exit_code, killed=folder.killed.exists())
    with suppress(HistoryRefused):  # a later try has opened it again
        history.open_run(run, submission.token)
    history.save_components(run.key.id, snapshot.finished_components)
    history.finish_run(run.key.id, outcome(snapshot, exit_code, run.runtime_target_s, state))


def run_reporter(folder: RunFolder, clock: Clock = SYSTEM_CLOCK) -> None:
    """Wait until no task follows the driver, and report what its task has not."""
    while folder.path.is_dir() and _is_followed(folder):
        clock.sleep(_LOOK_AGAIN_S)
    submission = folder.read_submission()
    try:
        credentials = _CREDENTIALS.validate_json(folder.reporter_credentials.read_bytes())
        task = TaskIdentity.from_header(credentials.task)
    except (OSError, ValidationError, ValueError):
        return  # a task has used the result, and the folder is gone
    if submission is None:
        return
    with HttpHistory(Requests(credentials.api_url, credentials.token, task)) as history:
        reported = report_result(folder, history, submission, clock=clock)
    if folder.killed.exists() or (reported and folder.consumed.exists()):
        folder.remove()
    elif reported:
        with suppress(OSError):
            # The output stays for a while, the capability must not.
            folder.reporter_credentials.unlink()
            folder.reported.touch()


def _is_followed(folder: RunFolder) -> bool:
    try:
        follower = psutil.Process(int(folder.follower_pid.read_text()))
        return bool(follower.status() != psutil.STATUS_ZOMBIE)
    except (OSError, ValueError, psutil.Error):
        return False


def main() -> None:
    """Report the run whose folder is the only argument."""
    if os.fork():  # leave the driver's process group: a signal to it must not end this one
        os._exit(0)
    os.setsid()
    run_reporter(RunFolder(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
