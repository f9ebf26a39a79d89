"""A queue in memory for records that the history has not taken yet."""

from __future__ import annotations

from collections import deque

from airflow_enel.history.interface import History, HistoryError, HistoryUnavailable, Log, Record


class MemoryQueue:
    """A `WriteQueue` that is lost when its process ends."""

    def __init__(self, history: History, log: Log) -> None:
        self.trouble: HistoryError | None = None
        self.place = "in memory"
        self._history = history
        self._log = log
        self._records: deque[Record] = deque()

    @property
    def pending(self) -> int:
        """How many records are left."""
        return len(self._records)

    def add(self, record: Record) -> None:
        """Append a record."""
        self._records.append(record)

    def replay(self) -> int:
        """Write until the history cannot be reached; return how many records are left."""
        self.trouble = None
        while self._records:
            try:
                self._records[0].apply(self._history)
            except HistoryUnavailable as error:
                self.trouble = error
                break
            except Exception as error:  # it would block all that come after it
                self._log.warning("A record of this run was not taken: %s", error)
            self._records.popleft()
        return len(self._records)
