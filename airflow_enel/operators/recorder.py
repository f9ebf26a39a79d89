"""Writes the history of one run and never lets it hurt the run.

Writes are kept in order and repeated until they are accepted; while the history cannot be
reached the run goes on, and what happened is told once. Over HTTP they are kept on disk before
they are sent: what a process that is killed leaves there, the next one sends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_enel.history.base import (
    History,
    HistoryRefused,
    HistoryUnavailable,
    Record,
    WriteQueue,
)
from airflow_enel.history.memory_queue import MemoryQueue

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import PastRun

_PAUSE_S: Final = 15.0
_INSIST_S: Final = 60.0


class Recorder:
    """Keeps what could not be written yet.

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
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._queue: WriteQueue | None = None
        if history is not None and spool is not None:
            self._queue = history.write_queue(spool, log)
        elif history is not None:
            self._queue = MemoryQueue(history, log)
        self._try_again_at = 0.0
        self._place = "in memory" if spool is None else f"in {spool}"

    @property
    def pending(self) -> int:
        """How many writes the history has not taken yet."""
        return 0 if self._queue is None else self._queue.pending

    def past_runs(self, dag_id: str, job_key: str, *, stages: bool = False) -> tuple[PastRun, ...]:
        """Past runs of a recurring job, none if the history cannot be read.

        :param stages: True for components with their stages
        """
        if self._history is None:
            return ()
        try:
            return self._history.past_runs(dag_id, job_key, stages=stages)
        except (HistoryUnavailable, HistoryRefused) as error:
            self._log.warning("No history, so the run is sized without it: %s", error)
            return ()

    def record(self, record: Record) -> None:
        """Write now, or later if the history is away."""
        if self._queue is None:
            return
        try:
            self._queue.add(record)
        except Exception as error:
            self._log.warning("A record of this run was not taken: %s", error)
        self.flush()

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
            self._write(self._queue)

    def _insist(self, queue: WriteQueue) -> None:
        deadline = self._clock() + _INSIST_S
        while left := self._write(queue):
            refused = isinstance(queue.trouble, HistoryRefused)  # waiting will not help
            if refused or self._clock() >= deadline:
                self._log.warning(
                    "%d records of this run could not be written; they are kept %s",
                    left,
                    self._place,
                )
                return
            self._sleep(_PAUSE_S / 3)

    def _write(self, queue: WriteQueue) -> int:
        left = queue.replay()
        if left:
            if self._try_again_at == 0.0:
                self._log.warning("The history is away, the run goes on: %s", queue.trouble)
            self._try_again_at = self._clock() + _PAUSE_S
        return left
