"""One recorded run as the simulator runs it again: what really came, at other sizes.

A component takes ``t · c(s') / c(s)`` at s' executors: t seconds are what it took at s, c is the
curve fitted to all runs of the job. So whatever else made it slow or fast stays with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.alignment import executors_of
from airflow_enel.simulation.component_curve import SMALLEST_S, ComponentCurve
from airflow_enel.simulation.job import CachePenalty, JobDescription, Phase
from airflow_enel.simulation.noise import RunNoise, generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_enel.domain import Component, RecordedRun, Snapshot
    from airflow_enel.simulation.application import Barrier
    from airflow_enel.simulation.mode import Mode

_STARTS: Final = 256


@dataclass(frozen=True, slots=True)
class RecordedJob:
    """A run of the past, for the simulator.

    :param job: with one phase for each component, in the order in which they finished
    :param noise: that makes each take as long as it did
    :param components: those that were recorded, in the same order
    :param tail_s: seconds from the last component to the end of the application
    """

    job: JobDescription
    noise: RunNoise
    components: tuple[Component, ...]
    tail_s: float

    @classmethod
    def of(
        cls,
        recorded: RecordedRun,
        curves: Mapping[str, ComponentCurve],
        target_s: float,
        mode: Mode,
        seed: int,
    ) -> RecordedJob:
        """Translate a run by curves for the keys of its components."""
        components = finished_in_order(recorded)
        runtime_s = recorded.outcome.runtime_s or 0.0
        tail_s = max(runtime_s - sum(c.added_s or 0.0 for c in components), 0.0)
        factors = tuple(_factor(c, curves[c.key]) for c in components)
        job = JobDescription(
            name=recorded.run.job_key,
            target_s=max(target_s - tail_s, SMALLEST_S),
            phases=tuple(_phase(c, curves[c.key]) for c in components),
            executor_cores=_cores(recorded),
        )
        delays = generator(seed, "starts", recorded.run.key.id).uniform(*mode.start_s, _STARTS)
        noise = RunNoise(
            input_factor=1.0,
            component_factors=factors,
            block_counts=(0,) * len(components),
            cache_factors=factors,
            kills=(),
            start_delays_s=tuple(delays.tolist()),
            reshuffle_s=(0.0,),
        )
        return cls(job, noise, components, tail_s)

    def reading(self, barrier: Barrier) -> Snapshot:
        """The application at a barrier, its components named as in the history."""
        return self.named(barrier.snapshot())

    def named(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot of the simulated application, its components named as in the history."""
        components = tuple(
            replace(
                component,
                key=self.components[component.position].key,
                occurrence=self.components[component.position].occurrence,
            )
            for component in snapshot.components
        )
        return replace(snapshot, components=components)

    def ended(self, snapshot: Snapshot) -> Snapshot:
        """The simulated application at its end, the time after its last component included."""
        named, ended_at = self.named(snapshot), (snapshot.ended_at or 0.0) + self.tail_s
        return replace(named, ended_at=ended_at, read_at=ended_at)


def finished_in_order(recorded: RecordedRun) -> tuple[Component, ...]:
    """The components of a run that count, in the order in which they finished."""
    counting = [c for c in recorded.components if c.added_s is not None and 0 <= c.added_s < inf]
    return tuple(sorted(counting, key=lambda c: (c.finished_at or 0.0, c.position)))


def _factor(component: Component, curve: ComponentCurve) -> float:
    expected_s = float(curve.seconds(np.array([executors_of(component)]))[0])
    return max(component.added_s or 0.0, SMALLEST_S) / expected_s


def _phase(component: Component, curve: ComponentCurve) -> Phase:
    """A phase of factor 1; what has a limited cache is cached."""
    cache = CachePenalty(curve.cache_executors, curve.cache_s) if curve.cache_s else None
    takes_time = curve.fixed_s or curve.parallel_s or curve.per_executor_s
    return Phase(
        name=component.key or "component",
        fixed_s=curve.fixed_s if takes_time else SMALLEST_S,
        parallel_s=curve.parallel_s,
        per_executor_s=curve.per_executor_s,
        cached=cache is not None,
        cache=cache,
    )


def _cores(recorded: RecordedRun) -> int:
    """Cores of an executor; they make no difference to how long anything takes."""
    cores = recorded.run.context.get("executor_cores")
    return cores if isinstance(cores, int) and cores > 0 else 1
