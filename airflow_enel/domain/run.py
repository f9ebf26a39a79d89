"""Runs: one execution of a recurring job, its outcome, and past runs to learn from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from airflow_enel.domain.context import NO_CONTEXT, RunContext
from airflow_enel.domain.snapshot import Component, ScaleRequest
from airflow_enel.domain.wire import STRICT

IMPORTED: Final = "imported"
"""Stands in place of a policy where nobody of us has chosen the size."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The scale-outs that are allowed.

    :raises ValueError: unless 1 ≤ minimum ≤ maximum
    """

    __pydantic_config__: ClassVar = STRICT

    minimum: int
    maximum: int

    def __post_init__(self) -> None:
        if self.minimum < 1:
            raise ValueError(f"min_executors must be at least 1, not {self.minimum}")
        if self.maximum < self.minimum:
            raise ValueError(
                f"min_executors ({self.minimum}) must not exceed max_executors ({self.maximum})"
            )

    def clamp(self, executors: int) -> int:
        """The nearest allowed scale-out."""
        return max(self.minimum, min(self.maximum, executors))

    @property
    def candidates(self) -> tuple[int, ...]:
        """Every allowed scale-out, ascending."""
        return tuple(range(self.minimum, self.maximum + 1))


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which Spark application: the Airflow task instance and the try that submitted it."""

    __pydantic_config__: ClassVar = STRICT

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    submit_try: int

    @property
    def id(self) -> str:
        """A stable identifier of 32 hexadecimal digits."""
        parts = [self.dag_id, self.run_id, self.task_id, self.map_index, self.submit_try]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


class RunState(str, Enum):
    """Where a run stands. A lost run ended with an unknown result."""

    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    KILLED = "killed"
    LOST = "lost"


class TargetSource(str, Enum):
    """What a runtime target was made of: an argument of the operator, or the DAG's deadline."""

    RUNTIME_TARGET = "runtime_target"
    DEADLINE = "deadline"
    DEADLINE_ALERT = "deadline_alert"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is known at its start.

    ``foreign_operator`` is True if another operator than ours submits the application. None of our
    processes sees its driver end then: Airflow's state of that task is the best evidence of its
    result. ``context`` may explain its runtime and is known before it starts. ``runtime_target_s``
    is 0 if its deadline left no time for it. ``target_source`` is None without a target, and for
    runs of versions that did not know it; ``deadline_at`` is the deadline that the target was made
    of, None where there was none. ``risk`` is the probability to miss it that the user accepts,
    None for the usual one.
    """

    __pydantic_config__: ClassVar = STRICT

    key: RunKey
    job_key: str
    application: str
    policy: str
    bounds: Bounds
    runtime_target_s: float | None
    initial_executors: int
    submitted_at: float
    foreign_operator: bool = False
    context: RunContext = NO_CONTEXT
    target_source: TargetSource | None = None
    deadline_at: float | None = None
    risk: float | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    ``violation_s`` is by how much it missed its target (CVS of Enel), 0 if met, None without a
    target or without an end; ``executor_seconds`` is the integral of registered executors.
    ``executors_at_start`` is how many were there when the first component finished, or at the
    end if none did. ``complete`` is False for a run that is not to be learned from: events were
    lost, so that components may be missing, or it ran in local mode.
    """

    __pydantic_config__: ClassVar = STRICT

    state: RunState
    exit_code: int | None
    app_id: str | None
    started_at: float | None
    ended_at: float | None
    runtime_s: float | None
    executor_seconds: float
    executors_at_start: int
    executors_lost: int
    rescales: int
    reversals: int
    violation_s: float | None
    complete: bool


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that ended well, as the estimators need it.

    ``mean_executors`` is the mean scale-out while components ran: the start-up, when no executor
    is there yet, would make short runs look as if they had been at fewer. ``components`` carry
    no stages unless they were asked for. ``context`` is what was known of the run at its start.
    ``executors_lost`` went without being asked to. ``requests`` are those that were accepted after
    the start, oldest first; a run that was not scaled by us has none.
    """

    __pydantic_config__: ClassVar = STRICT

    run_id: str
    started_at: float
    runtime_s: float
    mean_executors: float
    initial_executors: int
    components: tuple[Component, ...]
    context: RunContext = NO_CONTEXT
    executors_lost: int = 0
    requests: tuple[ScaleRequest, ...] = ()

    @classmethod
    def of(
        cls,
        run: Run,
        outcome: RunOutcome,
        components: tuple[Component, ...],
        requests: tuple[ScaleRequest, ...] = (),
    ) -> PastRun:
        """Make a past run of a run that has ended well, and of its finished components.

        :param requests: those that were accepted, oldest first
        :raises ValueError: if its start or its runtime is not known, or it took no time
        """
        if outcome.started_at is None or not outcome.runtime_s:
            raise ValueError("a past run needs a start and a runtime")
        return cls(
            run_id=run.key.id,
            started_at=outcome.started_at,
            runtime_s=outcome.runtime_s,
            mean_executors=mean_executors(components, outcome.executor_seconds / outcome.runtime_s),
            initial_executors=run.initial_executors,
            components=components,
            context=run.context,
            executors_lost=outcome.executors_lost,
            requests=requests,
        )


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run that has ended, as the history or its event log has it.

    :param components: those that have finished
    :param requests: accepted ones after the start, oldest first
    """

    run: Run
    outcome: RunOutcome
    components: tuple[Component, ...]
    requests: tuple[ScaleRequest, ...] = ()

    @property
    def past(self) -> PastRun:
        """The run as the estimators need it; raises as `PastRun.of` does."""
        return PastRun.of(self.run, self.outcome, self.components, self.requests)


def mean_executors(components: Iterable[Component], otherwise: float) -> float:
    """Mean scale-out over the time in which components ran and executors were there.

    A component counts with the seconds it added, but no more than it ran: the application's
    start-up, which is at 0 executors, is part of what the first one added. One that had to wait
    for the first executor counts only if all did.

    :param otherwise: the mean if there are no components to go by
    """
    weighed = [
        (max(min(c.added_s, c.finished_at - c.started_at), 0.0), c.scale_out)
        for c in components
        if c.added_s is not None and c.finished_at is not None and c.scale_out.mean > 0
    ]
    at_once = [(weight_s, size) for weight_s, size in weighed if size.start > 0]
    for chosen in (at_once, weighed):
        total_s = sum(weight_s for weight_s, _ in chosen)
        if total_s > 0:
            return sum(weight_s * size.mean for weight_s, size in chosen) / total_s
    return otherwise
