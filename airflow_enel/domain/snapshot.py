"""Snapshot of one application, from Spark's events: components, stages, executors, requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from airflow_enel.domain.wire import STRICT

_DRIVERS: Final = ("driver", "<driver>")


@dataclass(frozen=True, slots=True)
class StageMetrics:
    """Metrics of one stage attempt, summed over its tasks."""

    __pydantic_config__: ClassVar = STRICT

    executor_run_s: float = 0.0
    executor_cpu_s: float = 0.0
    gc_s: float = 0.0
    shuffle_read_bytes: int = 0
    shuffle_write_bytes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    memory_spilled_bytes: int = 0
    disk_spilled_bytes: int = 0
    peak_execution_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TaskDigest:
    """Durations of the successful tasks of one stage attempt."""

    __pydantic_config__: ClassVar = STRICT

    count: int
    total_s: float
    median_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """Executors at the start and the end of an interval.

    ``rescaling_fraction`` is the part of the interval spent at neither of the two (r_i of Enel);
    executors that are being decommissioned do not count.
    """

    __pydantic_config__: ClassVar = STRICT

    start: int
    end: int
    rescaling_fraction: float = 0.0
    mean: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One submitted stage attempt: a node of its component's graph.

    ``parents`` are the ids of submitted stages of the same component; edges through skipped
    stages are contracted.
    """

    __pydantic_config__: ClassVar = STRICT

    stage_id: int
    attempt: int
    name: str
    tasks: int
    parents: tuple[int, ...]
    submitted_at: float
    completed_at: float | None
    failure: str | None
    metrics: StageMetrics
    digest: TaskDigest | None
    scale_out: ScaleOut


@dataclass(frozen=True, slots=True)
class Component:
    """One Spark job of the application.

    ``key`` is the same from run to run; ``occurrence`` counts equal keys within the run.
    ``added_s`` is the time the component added to the run: from the latest finish before it (or
    the application's start) to its own finish, so that overlapping jobs are not counted twice
    and the driver's time between jobs is not lost. The sum over all components is the time from
    the application's start to the last finish. None while it runs.
    ``disturbed`` is True if an executor came or went inside it.
    ``input_bytes`` is what its stages have read from storage, see `input_bytes_of`; it is known
    without ``stages`` too.
    """

    __pydantic_config__: ClassVar = STRICT

    position: int
    key: str
    occurrence: int
    job_id: int
    started_at: float
    finished_at: float | None
    succeeded: bool | None
    added_s: float | None
    scale_out: ScaleOut
    disturbed: bool
    stages: tuple[Stage, ...]
    input_bytes: int = 0


def input_bytes_of(stages: Iterable[Stage]) -> int:
    """Return the bytes that stages have read from storage or from cached partitions.

    Only attempts that succeeded count, and of several at one stage the largest: a second one runs
    the tasks again whose results were lost.
    """
    largest: dict[int, int] = {}
    for stage in stages:
        if stage.completed_at is not None and stage.failure is None:
            read = stage.metrics.input_bytes
            largest[stage.stage_id] = max(read, largest.get(stage.stage_id, 0))
    return sum(largest.values())


@dataclass(frozen=True, slots=True)
class ExecutorSpan:
    """The life of one executor; ``draining_at`` is when its decommissioning began."""

    __pydantic_config__: ClassVar = STRICT

    executor_id: str
    host: str
    cores: int
    added_at: float
    draining_at: float | None = None
    removed_at: float | None = None
    reason: str | None = None

    @property
    def capacity_until(self) -> float | None:
        """When it stopped to take tasks, or None if it still takes them."""
        ends = [t for t in (self.draining_at, self.removed_at) if t is not None]
        return min(ends) if ends else None

    @property
    def is_driver(self) -> bool:
        """True in local mode, where Spark registers the driver as an executor with all cores."""
        # Those of a driver's later applications have the number of theirs before the id.
        return self.executor_id.rpartition(":")[2] in _DRIVERS

    @property
    def lost(self) -> bool:
        """True if it went without being asked to."""
        return self.removed_at is not None and self.draining_at is None


@dataclass(frozen=True, slots=True)
class ScaleRequest:
    """A request for a number of executors that the agent has accepted."""

    __pydantic_config__: ClassVar = STRICT

    executors: int
    try_number: int
    epoch: int
    requested_at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known of one application at ``read_at``.

    ``complete`` is False if events were lost on the way or the driver's clock was set back, so
    that counts and times cannot be trusted.
    ``task_cpus`` is how many cores each task takes. ``cached_bytes`` is the memory that cached data
    take on all executors, ``storage_bytes`` what an executor has for cached data and tasks, both 0
    if not known, as of runs that have no agent.
    """

    __pydantic_config__: ClassVar = STRICT

    app_id: str | None
    app_name: str | None
    spark_version: str | None
    started_at: float | None
    ended_at: float | None
    read_at: float
    complete: bool
    initial_executors: int | None
    components: tuple[Component, ...]
    executors: tuple[ExecutorSpan, ...]
    requests: tuple[ScaleRequest, ...]
    task_cpus: int = 1
    cached_bytes: int = 0
    storage_bytes: int = 0

    @property
    def finished_components(self) -> tuple[Component, ...]:
        """Components that have ended, well or not, in the order of their positions."""
        return tuple(c for c in self.components if c.finished_at is not None)

    @property
    def local_mode(self) -> bool:
        """True if it ran in its driver, without a cluster: no size explains its runtime."""
        return any(executor.is_driver for executor in self.executors)

    def executors_at(self, at: float) -> int:
        """Executors that took tasks at a moment."""
        return sum(
            e.added_at <= at and (e.capacity_until is None or at < e.capacity_until)
            for e in self.executors
        )

    def executor_seconds(self, until: float) -> float:
        """Integral of the registered executors over time, draining ones included: the cost."""
        return sum(max(0.0, min(until, e.removed_at or until) - e.added_at) for e in self.executors)
