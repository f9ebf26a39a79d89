"""Writes the history of one run and never lets it hurt the run.

Writes are kept in order and repeated until they are accepted; while the history cannot be
reached the run goes on, and what happened is told once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_enel.history.base import History, HistoryRefused, HistoryUnavailable

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import PastRun

Write = Callable[[History], object]

_PAUSE_S: Final = 15.0
_INSIST_S: Final = 60.0


class Recorder:
    """Keeps what could not be written yet, in memory.

    :param history: where to write, None to write nothing
    :param clock: seconds of a monotonic clock
    :param sleep: waits for seconds
    """

    def __init__(
        self,
        history: History | None,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._history = history
        self._log = log
        self._clock = clock
        self._sleep = sleep
        self._pending: deque[Write] = deque()
        self._try_again_at = 0.0

    def past_runs(self, dag_id: str, job_key: str) -> tuple[PastRun, ...]:
        """Past runs of a recurring job, none if the history cannot be read."""
        if self._history is None:
            return ()
        try:
            return self._history.past_runs(dag_id, job_key)
        except (HistoryUnavailable, HistoryRefused) as error:
            self._log.warning("No history, so the run is sized without it: %s", error)
            return ()

    def record(self, write: Write) -> None:
        """Write now, or later if the history is away."""
        if self._history is not None:
            self._pending.append(write)
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Write what is pending.

        :param last: True at the end of the run: wait a minute for a history that is away
        """
        if last:
            self._insist()
        elif self._clock() >= self._try_again_at:
            self._write()

    def _insist(self) -> None:
        """Write for a while longer, because nobody will after the end of the run."""
        deadline = self._clock() + _INSIST_S
        self._write()
        while self._pending and self._clock() < deadline:
            self._sleep(_PAUSE_S / 3)
            self._write()
        if self._pending:
            self._log.warning("%d records of this run could not be written", len(self._pending))

    def _write(self) -> None:
        if self._history is None:
            return
        while self._pending:
            try:
                self._pending[0](self._history)
            except HistoryUnavailable as error:
                if self._try_again_at == 0.0:
                    self._log.warning("The history is away, the run goes on: %s", error)
                self._try_again_at = self._clock() + _PAUSE_S
                break
            except Exception as error:  # it would block all that come after it
                self._log.warning("A record of this run was not taken: %s", error)
            self._pending.popleft()
