"""Observes an application whose driver this worker can see: output, end, and its agent.

Invariant: nothing in here can fail the Spark application or its task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from airflow_enel.control.outcome import final_state
from airflow_enel.execution.agent_access import AGENT_DID_NOT_START, UNOBSERVED
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.execution.observer import Observer
from airflow_enel.history.records import AgentSaved
from airflow_enel.spark.agent_client import AgentClient, AgentError, AgentUnreachable
from airflow_enel.spark.submission.base import DriverLost

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.execution.history_writer import BufferedWriter
    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.execution.scaling_config import MonitoredRun
    from airflow_enel.spark.submission.base import SubmittedApplication

AGENT_PATIENCE_S: Final = 90.0
_FAILURES_TO_REPORT: Final = 5  # an application that ends takes its agent along a little earlier


class DriverLoop:
    """Polls one application until its driver has ended.

    :param token: of the agent
    :param on_output: takes new lines of the driver's output
    :param is_killed: returns True once the driver was ended on purpose
    :param on_round: called before each poll
    :param poll_interval_s: seconds between two polls
    :param on_miss: see `Observer`
    """

    def __init__(
        self,
        run: MonitoredRun,
        token: str,
        driver: SubmittedApplication,
        writer: BufferedWriter,
        log: Logger,
        on_output: Callable[[Sequence[str]], None],
        is_killed: Callable[[], bool] = lambda: False,
        on_round: Callable[[], None] = lambda: None,
        poll_interval_s: float = 1.0,
        clock: Clock = SYSTEM_CLOCK,
        on_miss: MissCallbacks | None = None,
    ) -> None:
        self._run = run
        self._token = token
        self._driver = driver
        self._writer = writer
        self._observer = Observer(run, writer, log, clock=clock, on_miss=on_miss)
        self._log = log
        self._on_output = on_output
        self._is_killed = is_killed
        self._on_round = on_round
        self._poll_interval_s = poll_interval_s
        self._clock = clock
        self._client: AgentClient | None = None
        self._started = clock.now()
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
            while (exit_code := self._driver.get_result()) is None:
                self._on_round()
                self._on_output(self._driver.read_output())
                self._safely(self._poll)
                self._clock.sleep(self._poll_interval_s)
            while lines := self._driver.read_output(final=True):
                self._on_output(lines)
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
            if self._failures >= _FAILURES_TO_REPORT:
                self._warn_once(UNOBSERVED, error)
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
            address = self._driver.get_agent_address()
            if address is None:
                if self._clock.now() - self._started > AGENT_PATIENCE_S:
                    self._warn_once(AGENT_DID_NOT_START)
                return None
            self._client = AgentClient(address, self._token)
            self._writer.write(AgentSaved(self._run.run_id, address))
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _finish(self, exit_code: int | None) -> None:
        self._disconnect()
        killed = self._interrupted or self._is_killed()
        state = final_state(exit_code, killed=killed)
        self._observer.conclude(self._driver.folder.final_state, exit_code, state)
        self._writer.flush(last=True)
