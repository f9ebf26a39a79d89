"""Writes the history of one run and never lets it hurt the run.

Writes are kept in order and repeated until they are accepted; while the history cannot be
reached the run goes on, and what happened is told once. Over HTTP they are kept on disk before
they are sent: what a process that is killed leaves there, the next one sends.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airflow_enel.history.base import (
    History,
    HistoryError,
    HistoryRefused,
    HistoryUnavailable,
)
from airflow_enel.history.client import HttpHistory
from airflow_enel.history.spool import Spool

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import PastRun

Write = Callable[[History], object]

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
        self._kept = None if history is None else _keeper(history, spool, log)
        self._try_again_at = 0.0
        self._place = "in memory" if spool is None else f"in {spool}"

    @property
    def pending(self) -> int:
        """How many writes the history has not taken yet."""
        return 0 if self._kept is None else self._kept.pending

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

    def record(self, write: Write) -> None:
        """Write now, or later if the history is away."""
        if self._kept is None:
            return
        try:
            self._kept.add(write)
        except Exception as error:
            self._log.warning("A record of this run was not taken: %s", error)
        self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Write what is pending.

        :param last: True at the end of the run: wait a minute for a history that is away, then
            leave what is pending where it is and say so
        """
        if self._kept is None:
            return
        if last:
            self._insist(self._kept)
        elif self._clock() >= self._try_again_at:
            self._write(self._kept)

    def _insist(self, kept: _Kept) -> None:
        deadline = self._clock() + _INSIST_S
        while left := self._write(kept):
            refused = isinstance(kept.trouble, HistoryRefused)  # waiting will not help
            if refused or self._clock() >= deadline:
                self._log.warning(
                    "%d records of this run could not be written; they are kept %s",
                    left,
                    self._place,
                )
                return
            self._sleep(_PAUSE_S / 3)

    def _write(self, kept: _Kept) -> int:
        left = kept.replay()
        if left:
            if self._try_again_at == 0.0:
                self._log.warning("The history is away, the run goes on: %s", kept.trouble)
            self._try_again_at = self._clock() + _PAUSE_S
        return left


class _Kept(Protocol):
    """Writes that wait for the history."""

    trouble: HistoryError | None

    @property
    def pending(self) -> int:
        """How many there are."""

    def add(self, write: Write) -> None:
        """Add one at the end."""

    def replay(self) -> int:
        """Write until it does not work any more; return how many are left."""


def _keeper(history: History, spool: Path | None, log: Logger) -> _Kept:
    if spool is not None and isinstance(history, HttpHistory):
        return _OnDisk(history, spool, log)
    return _InMemory(history, log)


class _OnDisk(Spool):
    """Writes over HTTP, kept as requests."""

    def __init__(self, history: HttpHistory, file: Path, log: Logger) -> None:
        super().__init__(file, history.put, log)
        self._requests = history.spooled(self.append)

    def add(self, write: Write) -> None:
        """Turn a write into requests and keep them."""
        write(self._requests)


class _InMemory:
    """Writes as they were given, for a history that is in this process."""

    def __init__(self, history: History, log: Logger) -> None:
        self.trouble: HistoryError | None = None
        self._history = history
        self._log = log
        self._writes: deque[Write] = deque()

    @property
    def pending(self) -> int:
        return len(self._writes)

    def add(self, write: Write) -> None:
        self._writes.append(write)

    def replay(self) -> int:
        while self._writes:
            try:
                self._writes[0](self._history)
            except HistoryUnavailable as error:
                self.trouble = error
                break
            except Exception as error:  # it would block all that come after it
                self._log.warning("A record of this run was not taken: %s", error)
            self._writes.popleft()
        return len(self._writes)
