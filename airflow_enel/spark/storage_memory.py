"""Reduces the events of an application's storage memory to what is cached, and how much fits."""

from __future__ import annotations

from airflow_enel.spark.event_fields import Event, fields, size, text

_DRIVER = "driver"


class StorageFold:
    """Folds the events of storage memory, in the order in which they were posted.

    Its methods raise as :mod:`~airflow_enel.spark.event_fields` does if an event cannot be read.

    :ivar cached_bytes: memory that cached partitions take on all executors, 0 if not known
    """

    def __init__(self) -> None:
        self.cached_bytes = 0
        self._memory: dict[str, int] = {}

    @property
    def executor_bytes(self) -> int:
        """Memory of the smallest executor for cached data and tasks, 0 if not known."""
        return min(self._memory.values(), default=0)

    def add(self, event: Event) -> None:
        """An executor has storage memory."""
        executor_id = text(fields(event, "Block Manager ID"), "Executor ID")
        if executor_id != _DRIVER:
            self._memory[executor_id] = size(event, "Maximum Memory")

    def cache(self, event: Event) -> None:
        """Cached data have grown or shrunk."""
        self.cached_bytes = size(event, "Bytes")
