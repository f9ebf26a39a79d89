"""The synchronous shell around the decision step: read, decide, act, record.

Invariants: nothing in here can fail the Spark application or its task; a decision is recorded
before it is sent; without a fresh reading nothing is asked of Spark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_enel.control.decide import Steering, decide
from airflow_enel.control.outcome import outcome
from airflow_enel.control.progress import reduce_progress
from airflow_enel.control.report import progress_line
from airflow_enel.domain import RunState, ScaleAnswer, Snapshot, Step
from airflow_enel.operators.recorder import Recorder
from airflow_enel.spark.client import AgentClient, AgentError, AgentUnreachable
from airflow_enel.spark.live import LiveApplication
from airflow_enel.spark.submission.address import read_address
from airflow_enel.spark.submission.keeper import ClientDriver, DriverLost

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_AGENT_PATIENCE_S: Final = 90.0
_HEARTBEAT_S: Final = 30.0
_FAILURES_TO_TELL: Final = 5  # an application that ends takes its agent along a little earlier


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watch needs to know of its run.

    :param run_id: identifier of the run in the history
    :param token: the agent's token
    :param expected_components: how many components past runs had, None if unknown
    """

    run_id: str
    token: str
    steering: Steering
    expected_components: int | None


class ClientWatch:
    """Watches an application in client mode until it ends.

    :param driver: the process of the driver
    :param on_lines: takes the driver's new lines of output
    :param is_killed: True once somebody has ended the driver on purpose
    :param poll_interval_s: seconds between two polls
    """

    def __init__(
        self,
        watched: Watched,
        driver: ClientDriver,
        recorder: Recorder,
        log: Logger,
        on_lines: Callable[[Sequence[str]], None],
        is_killed: Callable[[], bool] = lambda: False,
        poll_interval_s: float = 1.0,
    ) -> None:
        self._run = watched
        self._driver = driver
        self._recorder = recorder
        self._log = log
        self._on_lines = on_lines
        self._is_killed = is_killed
        self._poll_interval_s = poll_interval_s
        self._application = LiveApplication()
        self._client: AgentClient | None = None
        self._started = self._spoke_at = time.monotonic()
        self._spoke_of: tuple[int, int] | None = None
        self._intended: Step | None = None  # recorded, and the same until it is answered
        self._answered_epoch = -1
        self._saved: set[int] = set()
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

    # One poll: read → decide → act → record

    def _poll(self) -> None:
        self._recorder.flush()
        client = self._connected()
        if client is None:
            return
        asked_at = time.monotonic()
        try:
            snapshot = self._application.read(client)
        except AgentUnreachable:
            self._disconnect()  # it may come back at another address
            raise
        if not snapshot.complete:
            self._warn_once("Events of the application were lost: it stays at its present size")
        now = snapshot.read_at + (time.monotonic() - asked_at)
        step = decide(self._run.steering, snapshot, now)
        if step is not None and step.decision.epoch > self._answered_epoch:
            self._act(client, step)
        self._save_components(snapshot)
        self._speak(snapshot)

    def _connected(self) -> AgentClient | None:
        if self._client is None:
            address = read_address(self._driver.folder.port)
            if address is None:
                if time.monotonic() - self._started > _AGENT_PATIENCE_S:
                    self._warn_once(
                        "The agent in the Spark driver has not come up, so the application runs "
                        "at a fixed size; look for lines with EnelAgent in the driver's output"
                    )
                return None
            self._client = AgentClient(address, self._run.token)
            self._recorder.record(
                lambda history: history.save_agent(self._run.run_id, address.host, address.port)
            )
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _act(self, client: AgentClient, step: Step) -> None:
        run_id = self._run.run_id
        intended = self._intended
        if intended is None or intended.decision.epoch != step.decision.epoch:
            intended = self._intended = step
            self._recorder.record(lambda history: history.intend(run_id, step))
        decision = intended.decision
        answer: ScaleAnswer | None = None
        try:
            answer = client.scale(decision.executors, decision.try_number, decision.epoch)
            self._answered_epoch = decision.epoch
        finally:
            self._recorder.record(lambda history: history.complete(run_id, decision.epoch, answer))
        if not answer.accepted:
            self._warn_once("Spark did not take the request: %s", answer.message)
        elif decision.executors != decision.executors_before:
            self._log.info("Decision %d: %s", decision.epoch, decision.reason)

    def _save_components(self, snapshot: Snapshot) -> None:
        fresh = tuple(c for c in snapshot.finished_components if c.position not in self._saved)
        if fresh:
            self._saved.update(component.position for component in fresh)
            run_id = self._run.run_id
            self._recorder.record(lambda history: history.save_components(run_id, fresh))

    def _speak(self, snapshot: Snapshot) -> None:
        progress = reduce_progress(snapshot, self._run.steering.bounds, snapshot.read_at)
        news = (len(progress.finished), progress.executors)
        if news == (0, 0):  # nothing works yet, and no forecast means anything
            return
        if news == self._spoke_of and time.monotonic() - self._spoke_at < _HEARTBEAT_S:
            return
        self._spoke_of, self._spoke_at = news, time.monotonic()
        steering = self._run.steering
        forecaster = steering.forecaster
        forecast = forecaster.predict(progress, steering.bounds) if forecaster else None
        self._log.info(
            progress_line(progress, forecast, steering.target_s, self._run.expected_components)
        )

    # The end

    def _finish(self, exit_code: int | None) -> None:
        self._disconnect()
        snapshot = self._application.read_final(self._driver.folder.final)
        snapshot = snapshot or self._application.last
        run_id = self._run.run_id
        state = self._final_state(exit_code)
        if snapshot is None:
            self._log.warning("Nothing is known of the run, because its agent was never reached")
            snapshot = self._application.nothing()
        self._save_components(snapshot)
        result = outcome(snapshot, exit_code, self._run.steering.target_s, state)
        self._recorder.record(lambda history: history.finish_run(run_id, result))
        self._recorder.flush(last=True)

    def _final_state(self, exit_code: int | None) -> RunState:
        if self._interrupted or self._is_killed():
            return RunState.KILLED
        if exit_code is None:
            return RunState.LOST
        return RunState.SUCCEEDED if exit_code == 0 else RunState.FAILED
