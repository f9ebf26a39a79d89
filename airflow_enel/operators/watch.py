"""Watches a driver in client mode: its output, its end, and the application by its agent.

Invariant: nothing in here can fail the Spark application or its task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from airflow_enel.control.outcome import final_state
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.history.records import AgentSaved
from airflow_enel.operators.observe import Observer, Watched
from airflow_enel.spark.client import AgentClient, AgentError, AgentUnreachable
from airflow_enel.spark.submission.address import read_address
from airflow_enel.spark.submission.keeper import ClientDriver, DriverLost

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

__all__ = ["ClientWatch", "Watched"]

AGENT_PATIENCE_S: Final = 90.0
_FAILURES_TO_TELL: Final = 5  # an application that ends takes its agent along a little earlier


class ClientWatch:
    """Watches an application in client mode until it ends.

    :param driver: the process of the driver
    :param on_lines: takes the driver's new lines of output
    :param is_killed: True once somebody has ended the driver on purpose
    :param on_round: called before each poll
    :param poll_interval_s: seconds between two polls
    """

    def __init__(
        self,
        watched: Watched,
        driver: ClientDriver,
        writer: BufferedWriter,
        log: Logger,
        on_lines: Callable[[Sequence[str]], None],
        is_killed: Callable[[], bool] = lambda: False,
        on_round: Callable[[], None] = lambda: None,
        poll_interval_s: float = 1.0,
    ) -> None:
        self._run = watched
        self._driver = driver
        self._writer = writer
        self._observer = Observer(watched, writer, log)
        self._log = log
        self._on_lines = on_lines
        self._is_killed = is_killed
        self._on_round = on_round
        self._poll_interval_s = poll_interval_s
        self._client: AgentClient | None = None
        self._started = time.monotonic()
        self._warned: set[str] = set()
        self._failures = 0  # polls in a row
        self._interrupted = False

    def run_to_end(self) -> int:
        """Poll until the driver has ended, and record how.

        Whatever interrupts it, a timeout of the task for instance, ends the driver as well.

        :returns: the exit code of spark-submit
        :raises DriverLost: if it ended without one
        """
        exit_code: int | None = None
        try:
            while (exit_code := self._driver.exit_code()) is None:
                self._on_round()
                self._on_lines(self._driver.new_lines())
                self._safely(self._poll)
                time.sleep(self._poll_interval_s)
            while lines := self._driver.new_lines(final=True):
                self._on_lines(lines)
        except BaseException as error:
            if not isinstance(error, DriverLost):
                self._interrupted = True
                self._driver.kill()
            raise
        finally:
            self._safely(lambda: self._finish(exit_code))
        return exit_code

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
            self._failures = 0
        except AgentError as error:
            self._failures += 1
            if self._failures >= _FAILURES_TO_TELL:
                self._warn_once("The application runs on unwatched for now: %s", error)
        except Exception:
            if "fault" not in self._warned:
                self._warned.add("fault")
                self._log.exception("A fault of airflow-enel; the application is not affected")

    def _warn_once(self, message: str, *arguments: object) -> None:
        if message not in self._warned:
            self._warned.add(message)
            self._log.warning(message, *arguments)

    def _poll(self) -> None:
        self._writer.flush()
        client = self._connected()
        if client is None:
            return
        try:
            self._observer.poll(client)
        except AgentUnreachable:
            self._disconnect()  # it may come back at another address
            raise

    def _connected(self) -> AgentClient | None:
        if self._client is None:
            address = read_address(self._driver.folder.port)
            if address is None:
                if time.monotonic() - self._started > AGENT_PATIENCE_S:
                    self._warn_once(
                        "The agent in the Spark driver has not come up, so the application runs "
                        "at a fixed size; look for lines with EnelAgent in the driver's output"
                    )
                return None
            self._client = AgentClient(address, self._run.token)
            self._writer.write(AgentSaved(self._run.run_id, address.host, address.port))
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _finish(self, exit_code: int | None) -> None:
        self._disconnect()
        killed = self._interrupted or self._is_killed()
        state = final_state(exit_code, killed=killed)
        self._observer.conclude(self._driver.folder.final, exit_code, state)
        self._writer.flush(last=True)
