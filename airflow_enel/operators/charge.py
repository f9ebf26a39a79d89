"""What a task is in charge of: one application, from its submission until its result is delivered.

What must survive the task is written down before it happens, and crossed out last.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_enel.control.lifetime import driver_stays
from airflow_enel.operators.attach import RECORD_KEY, Record
from airflow_enel.operators.connect import Connection

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.operators.attach import StateStore
    from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder


class Charge:
    """The application of a task, and what becomes of it when the task is told to stop.

    :param context: of the task instance
    """

    def __init__(self, context: Context, log: Logger) -> None:
        self.store: StateStore | None = context.get("task_state_store")
        self.connection = Connection(None)
        self.driver: ClientDriver | None = None
        self.followed = False  # True once there is an application that somebody could kill
        self._ti = context["ti"]
        self._log = log
        self._killed = False
        self._unsaid = ""

    def take(self, driver: ClientDriver) -> None:
        """Follow a driver from here on."""
        self.driver = driver
        self.followed = True
        if self._killed:  # in between: the handler did not know the driver yet
            driver.kill()

    def kill(self) -> None:
        """End the driver and everything it started, or never start it, unless a retry wants it.

        Safe in a signal handler: it may come at any moment, and what it interrupts goes on. So
        nothing is logged here: the line that it interrupts may hold the lock of the task's log.
        """
        if self.followed and self._driver_stays():
            self._unsaid = "The task is told to stop; the application runs on for its retry"
            return
        self._killed = True
        if self.driver is not None:
            self.driver.kill()

    def speak(self) -> None:
        """Log what `kill` had to say; for the loops that follow an application."""
        if self._unsaid:
            self._log.info(self._unsaid)
            self._unsaid = ""

    def is_killed(self) -> bool:
        """True once somebody has ended the application on purpose."""
        return self._killed

    def record(self, submit_try: int, *, handed_over: bool = False) -> None:
        """Leave word for later tries, wherever they run."""
        if self.store is not None:
            Record.here(submit_try, handed_over=handed_over).write(self.store)

    def forget(self) -> None:
        """Cross that out."""
        if self.store is not None:
            with suppress(Exception):  # the folder and the history tell the same
                self.store.delete(RECORD_KEY)

    def deliver(self, folder: DriverFolder, left: int) -> None:
        """Make the result this task's: later tries submit afresh.

        :param left: records that the history has not taken; the messenger sends them
        """
        if left and folder.home.exists():
            self.forget()
            folder.delivered.touch()
            return
        self.connection.revoke_home()
        self.forget()
        folder.remove()  # last: until then a later try finds the result here

    def _driver_stays(self) -> bool:
        if self.connection.ask is None:
            return False  # no Airflow that could try again, as in dag.test()
        retry_remains = self._ti.try_number <= (getattr(self._ti, "max_tries", 0) or 0)
        return driver_stays(self.connection.ask(), retry_remains=retry_remains)
