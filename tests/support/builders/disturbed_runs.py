"""Simulated runs of a job with a history, sized by policy ``enel``, while something goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from airflow_enel.control.decide import ScalingConfig, decide, first_step
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds, PastRun, Snapshot
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.simulation.application import Barrier, Request, component_seconds
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.noise import RunNoise
from airflow_enel.simulation.spark_events import Event
from tests.support.builders.simulated import application, past_run_of, quiet

BOUNDS = Bounds(2, 16)
_SIZES = (16, 8, 4, 6, 12, 3)

JOB = JobDescription(
    name="train",
    target_s=160.0,
    phases=(
        Phase("load", fixed_s=10.0, parallel_s=40.0, log_sd=0.05),
        Phase("iteration", count=10, fixed_s=2.0, parallel_s=60.0, log_sd=0.05),
        Phase("save", parallel_s=40.0, log_sd=0.05),
    ),
)
"""10 s + 40/s, ten times 2 s + 60/s, 40/s: 143 s with six executors, 73 s with 16."""
COMPONENTS = len(JOB.components())

Reading = Callable[[Barrier, Sequence[Event]], tuple[Snapshot, float] | None]
"""What is read at a barrier, and the time by the driver's clock; None if nothing can be read."""


def undisturbed(barrier: Barrier, _: Sequence[Event]) -> tuple[Snapshot, float]:
    """A reading as it should be."""
    return barrier.snapshot(), barrier.now


@cache
def past_runs(count: int = 12, job: JobDescription = JOB) -> tuple[PastRun, ...]:
    """Past runs of the job at different sizes."""
    return tuple(
        past_run_of(job, [_SIZES[n % len(_SIZES)]] * COMPONENTS, n + 1) for n in range(count)
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What was asked for at a barrier, and what had been.

    :param late: True if the run would have missed its target with the largest size, too
    """

    before: int
    after: int
    late: bool


class RecordedDecisions:
    """Sizes one run by the decision step, and remembers every decision.

    :param noise: of the run, from which follows how long it would truly take
    :param refuses: True if Spark accepts no request
    :param initial: size to start with in place of the policy's
    :param first: size to ask for at the first barrier in place of the policy's
    """

    def __init__(
        self,
        config: ScalingConfig,
        past: Sequence[PastRun],
        job: JobDescription,
        noise: RunNoise,
        events: Sequence[Event],
        reading: Reading,
        *,
        refuses: bool,
        initial: int | None,
        first: int | None,
    ) -> None:
        self._config, self._past, self._job, self._noise = config, past, job, noise
        self._events, self._reading, self._refuses = events, reading, refuses
        self._initial, self._first = initial, first
        self.changes: list[Change] = []

    def initial_executors(self) -> int:
        if self._initial is None:
            self._initial = first_step(self._config, self._past, None, 0.0).decision.executors
        return self._initial

    def at_barrier(self, barrier: Barrier) -> Request | None:
        read = self._reading(barrier, self._events)
        if read is None or (step := decide(self._config, *read).step) is None:
            return None
        asked = self._first or step.decision.executors
        self._first = None
        self.changes.append(Change(barrier.requested, asked, self._is_late(barrier)))
        return None if self._refuses else Request(asked, step.decision.epoch)

    def _is_late(self, barrier: Barrier) -> bool:
        assert self._config.target_s is not None
        most, cores = float(BOUNDS.maximum), self._job.executor_cores
        left_s = sum(
            component_seconds(phase, self._noise, number, cores, most, most)
            for number, (phase, _) in enumerate(self._job.components())
            if number >= barrier.next_component
        )
        return barrier.now - barrier.started_at + left_s > self._config.target_s


@dataclass(frozen=True, slots=True)
class DisturbedRun:
    """A run that has ended.

    :param sizes: asked for in turn, the initial one first
    """

    sizes: tuple[int, ...]
    changes: tuple[Change, ...]
    snapshot: Snapshot

    @property
    def runtime_s(self) -> float:
        """By the simulator's clock, which nothing disturbs."""
        assert self.snapshot.started_at is not None
        assert self.snapshot.ended_at is not None
        return self.snapshot.ended_at - self.snapshot.started_at

    @property
    def shrunk_while_late(self) -> list[Change]:
        """Requests for fewer executors in a run that could not be in time any more."""
        return [change for change in self.changes if change.late and change.after < change.before]


def disturbed_run(
    job: JobDescription = JOB,
    *,
    past: Sequence[PastRun] | None = None,
    factors: Sequence[float] | None = None,
    target_s: float = JOB.target_s,
    start_s: float = 20.0,
    reading: Reading = undisturbed,
    refuses: bool = False,
    initial: int | None = None,
    first: int | None = None,
) -> DisturbedRun:
    """Let policy ``enel`` size a run to its end.

    :param factors: on the time of each component
    :param start_s: from a request to its executors
    """
    past = past_runs() if past is None else past
    noise = quiet(job, start_s=start_s)
    if factors is not None:
        noise = replace(noise, component_factors=tuple(factors))
    policy = find_policy("enel")
    assert policy.forecaster is not None
    fitted = create_forecaster(policy.forecaster).fit(past)
    config = ScalingConfig(policy, fitted, target_s, BOUNDS, try_number=1)
    app = application(job, noise)
    decisions = RecordedDecisions(
        config,
        past,
        job,
        noise,
        app.events,
        reading,
        refuses=refuses,
        initial=initial,
        first=first,
    )
    snapshot = app.run(decisions)
    sizes = (decisions.initial_executors(), *(change.after for change in decisions.changes))
    return DisturbedRun(sizes, tuple(decisions.changes), snapshot)
