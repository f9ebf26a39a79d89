"""The application that a task is responsible for, from its submission until its result is used.

This is all that ``on_kill`` may touch. What must survive the task is written down before it
happens, and removed last.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_enel.control.lifecycle import driver_stays
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.submission_record import RECORD_KEY, SubmissionRecord

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.execution.submission_record import StateStore
    from airflow_enel.spark.submission.base import SubmittedApplication
    from airflow_enel.spark.submission.run_folder import RunFolder


class TaskApplication:
    """The application of a task, and what happens to it when the task is told to stop.

    :param context: of the task instance
    """

    def __init__(self, context: Context, log: Logger) -> None:
        self.store: StateStore | None = context.get("task_state_store")
        self.access = HistoryAccess(None)
        self.driver: SubmittedApplication | None = None
        self.followed = False  # True once there is an application that somebody could kill
        self._ti = context["ti"]
        self._log = log
        self._killed = False
        self._deferred_log = ""

    def attach_driver(self, driver: SubmittedApplication) -> None:
        """Be responsible for a driver from here on."""
        self.driver = driver
        self.followed = True
        if self._killed:  # in between: the signal handler did not know the driver yet
            driver.kill()

    def kill(self) -> None:
        """End the driver and everything it started, or never start it, unless a retry wants it.

        Safe in a signal handler: it may come at any moment, and what it interrupts goes on. So
        nothing is logged here: the line that it interrupts may hold the lock of the task's log.
        """
        if self.followed and self._driver_stays():
            self._deferred_log = "The task is told to stop; the application runs on for its retry"
            return
        self._killed = True
        if self.driver is not None:
            self.driver.kill()

    def flush_deferred_log(self) -> None:
        """Log what `kill` could not; for the loops that follow an application."""
        if self._deferred_log:
            self._log.info(self._deferred_log)
            self._deferred_log = ""

    def is_killed(self) -> bool:
        """Return True once the application was ended on purpose."""
        return self._killed

    def save_task_state(self, submit_try: int, *, handed_over: bool = False) -> None:
        """Record for later tries, wherever they run, what was submitted on this worker."""
        if self.store is not None:
            SubmissionRecord.here(submit_try, handed_over=handed_over).write(self.store)

    def clear_task_state(self) -> None:
        """Remove that record."""
        if self.store is not None:
            with suppress(Exception):  # the folder and the history say the same
                self.store.delete(RECORD_KEY)

    def mark_consumed(self, folder: RunFolder, left: int) -> None:
        """Make the result this task's: later tries submit a new application.

        :param left: records that the history has not accepted; the result reporter sends them
        """
        if left and folder.reporter_credentials.exists():
            self.clear_task_state()
            folder.consumed.touch()
            return
        self.access.revoke_reporter_credentials()
        self.clear_task_state()
        folder.remove()  # last: until then a later try finds the result here

    def _driver_stays(self) -> bool:
        if self.access.ask is None:
            return False  # no Airflow that could try again, as in dag.test()
        retry_remains = self._ti.try_number <= (getattr(self._ti, "max_tries", 0) or 0)
        return driver_stays(self.access.ask(), retry_remains=retry_remains)
