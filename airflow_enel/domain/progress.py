"""Progress of a run, as policies and forecasters read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_enel.domain.context import NO_CONTEXT, RunContext
from airflow_enel.domain.run import Bounds
from airflow_enel.domain.snapshot import Component, ScaleRequest
from airflow_enel.domain.wire import STRICT


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot, reduced to what a decision needs.

    :param elapsed_s: since the application's start, by the driver's clock
    :param finished: finished components, in the order of their positions
    :param running: the component that runs, if any (the latest of several)
    :param executors: executors that take tasks now
    :param requested: executors last asked for, the initial number if nothing was asked since
    :param lost: executors that went without being asked to
    :param epoch: number of barriers seen: finished components and unasked executor changes
    :param requests: accepted requests so far, oldest first
    :param age_s: seconds since Spark answered
    :param complete: False if events were lost or the driver's clock was set back, so that counts
        and times cannot be trusted
    :param context: what was known of the run at its start
    :param slots: tasks that the executors can run at a time, 0 if not known
    :param cached_bytes: memory that cached data take on all executors, 0 if not known
    :param storage_bytes: memory of an executor for cached data and tasks, 0 if not known
    :param initial: executors that the application was started with, 0 if not known
    """

    __pydantic_config__: ClassVar = STRICT

    elapsed_s: float
    finished: tuple[Component, ...]
    running: Component | None
    executors: int
    requested: int
    lost: int
    epoch: int
    requests: tuple[ScaleRequest, ...]
    age_s: float
    complete: bool
    context: RunContext = NO_CONTEXT
    slots: int = 0
    initial: int = 0
    cached_bytes: int = 0
    storage_bytes: int = 0

    @classmethod
    def at_start(cls, bounds: Bounds, context: RunContext = NO_CONTEXT) -> Progress:
        """The progress of a run that was not submitted yet."""
        return cls(0.0, (), None, 0, bounds.maximum, 0, 0, (), 0.0, True, context)

    @property
    def at_new_barrier(self) -> bool:
        """True if something finished or changed since the last accepted request."""
        decided = max((r.epoch for r in self.requests), default=0)
        return self.epoch > decided
