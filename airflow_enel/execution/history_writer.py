"""Writers of one run's history: at once, or buffered so that an outage never hurts the run.

A task that follows its application to the end buffers: writes are kept in order and repeated until
the history takes them. Over HTTP they are on disk before they are sent, so that the next process
sends what a killed one has left. An observer that others may replace at any moment, such as a
sensor, writes at once and goes on only with what is recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_enel.execution.switch_reader import PAUSE_S, SwitchReader
from airflow_enel.history.interface import (
    DecisionStatus,
    History,
    HistoryError,
    HistoryRefused,
    Record,
    WriteQueue,
)
from airflow_enel.history.memory_queue import MemoryQueue
from airflow_enel.history.records import DecisionIntended

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import Step, Switches

_OPEN: Final = (DecisionStatus.INTENDED, DecisionStatus.UNANSWERED)
_INSIST_S: Final = 60.0


class DecisionWriter(Protocol):
    """Where an observer writes what it sees and decides, and reads what people hold back."""

    def switches(self, run_id: str) -> Switches:
        """Read what people hold back for the recurring job of a run; it never raises."""

    def is_first_warning(self, run_id: str, at: float) -> bool:
        """Record that people are told that a run will miss its target; it never raises.

        :param at: by the driver's clock
        :returns: False if another try or task has told them; True if nobody knows, as a warning
            that comes twice is better than none
        """

    def write(self, record: Record) -> None:
        """Write a record, now or later."""

    def intend(self, run_id: str, step: Step) -> Step | None:
        """Write a decision before it is sent.

        :returns: the one to send, None if there is nothing to send
        """


class ImmediateWriter:
    """Writes at once, for observers that others may replace at any moment.

    Another observer may have decided the same barrier before, and may have died since then, or may
    be about to send. What it has recorded is what is sent, so that both mean the same.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._switches = SwitchReader()

    def reconnect(self, history: History) -> None:
        """Use another connection to the same history from now on."""
        self._history = history

    def switches(self, run_id: str) -> Switches:
        """Read what people hold back for the recurring job of a run."""
        return self._switches.read(self._history, run_id)

    def is_first_warning(self, run_id: str, at: float) -> bool:
        """Record that people are told that a run will miss its target."""
        return _is_first_warning(self._history, run_id, at)

    def write(self, record: Record) -> None:
        """Write now.

        :raises HistoryError: if the history does not take it
        """
        record.apply(self._history)

    def intend(self, run_id: str, step: Step) -> Step | None:
        """Write a decision, or return the one that this epoch has if it was not accepted yet.

        :raises HistoryError: if the history does not take it
        """
        if self._history.intend(run_id, step):
            return step
        known = self._history.decision(run_id, step.decision.epoch)
        return known.step if known.status in _OPEN else None


class BufferedWriter:
    """Keeps what could not be written yet, for the only observer of an application.

    :param history: where to write, None to write nothing
    :param spool: the file that keeps writes over HTTP, used and emptied by one process after the
        other; None to keep them in memory
    :param clock: seconds of a monotonic clock
    :param sleep: waits for seconds
    """

    def __init__(
        self,
        history: History | None,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        *,
        spool: Path | None = None,
    ) -> None:
        self._history = history
        self._switches = SwitchReader(clock)
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._queue: WriteQueue | None = None
        if history is not None and spool is not None:
            self._queue = history.write_queue(spool, log)
        elif history is not None:
            self._queue = MemoryQueue(history, log)
        self._try_again_at = 0.0

    def switches(self, run_id: str) -> Switches:
        """Read what people hold back for the recurring job of a run."""
        return self._switches.read(self._history, run_id)

    def is_first_warning(self, run_id: str, at: float) -> bool:
        """Record that people are told that a run will miss its target."""
        return _is_first_warning(self._history, run_id, at)

    @property
    def pending(self) -> int:
        """How many writes the history has not taken yet."""
        return 0 if self._queue is None else self._queue.pending

    def write(self, record: Record) -> None:
        """Write now, or later if the history is away."""
        if self._queue is None:
            return
        try:
            self._queue.add(record)
        except Exception as error:
            self._log.warning("A record of this run was not taken: %s", error)
        self.flush()

    def intend(self, run_id: str, step: Step) -> Step:
        """Write a decision, now or later, and return it: it is sent in any case."""
        self.write(DecisionIntended(run_id, step))
        return step

    def flush(self, *, last: bool = False) -> None:
        """Write what is pending.

        :param last: True at the end of the run: wait a minute for a history that is away, then
            leave what is pending where it is and say so
        """
        if self._queue is None:
            return
        if last:
            self._insist(self._queue)
        elif self._clock() >= self._try_again_at:
            self._replay(self._queue)

    def _insist(self, queue: WriteQueue) -> None:
        deadline = self._clock() + _INSIST_S
        while left := self._replay(queue):
            refused = isinstance(queue.trouble, HistoryRefused)  # waiting will not help
            if refused or self._clock() >= deadline:
                self._log.warning(
                    "%d records of this run could not be written; they are kept %s",
                    left,
                    queue.place,
                )
                return
            self._sleep(PAUSE_S / 3)

    def _replay(self, queue: WriteQueue) -> int:
        left = queue.replay()
        if left:
            if self._try_again_at == 0.0:
                self._log.warning("The history is away, the run goes on: %s", queue.trouble)
            self._try_again_at = self._clock() + PAUSE_S
        return left


def _is_first_warning(history: History | None, run_id: str, at: float) -> bool:
    try:
        return history is None or history.warn_of_miss(run_id, at)
    except HistoryError:
        return True
