"""Replays past runs of a recurring job under other policies: what these would have done.

Every component takes what it really took, translated to the size that a policy chooses, see
:mod:`airflow_enel.simulation.recorded_job`. A policy decides by the same decision step as in
production. It learns from the recorded runs before the first one that is replayed, and from then
on from its own: with other sizes it would have had another history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.outcome import outcome
from airflow_enel.domain import IMPORTED, Bounds, PastRun, RecordedRun, RunState
from airflow_enel.predict.evaluation import warm_up_of
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.simulation.application import Application
from airflow_enel.simulation.baselines import (
    DYNAMIC_ALLOCATION,
    ORACLE,
    find_simulated_policy,
    is_policy,
)
from airflow_enel.simulation.component_curve import ComponentCurve
from airflow_enel.simulation.component_times import ComponentTimes
from airflow_enel.simulation.controllers import FixedSchedule, PolicyController
from airflow_enel.simulation.figures import RunFigures
from airflow_enel.simulation.fitted_curves import fit_components
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.noise import generator
from airflow_enel.simulation.oracle import Oracle
from airflow_enel.simulation.past import runs_to_learn_from
from airflow_enel.simulation.recorded_job import RecordedJob, finished_in_order

if TYPE_CHECKING:
    from airflow_enel.domain import Component, Run, Snapshot
    from airflow_enel.simulation.application import Controller

AS_IT_WAS: Final = "as it was"
"""Stands in place of a policy where the recorded sizes are simulated."""

RUNS: Final = 30
"""The latest runs, which are replayed."""

NEAR: Final = 0.1
"""A size within this share of one that was tried counts as tried."""

_MODE: Final = MODES["realistic"]
_WHOLE: Final = 0  # number of the sample that is the history itself


class CannotReplay(ValueError):
    """The runs do not tell enough; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What is to be replayed.

    :param runs: of one recurring job, oldest first, see `usable_runs`
    :param target_s: runtime target of all runs, None for that of each
    :param bounds: sizes that policies may choose, None for those of the runs
    :param replayed: at most so many of the latest runs are replayed
    :param samples: how often the curves are fitted to resampled runs, for intervals
    :raises CannotReplay: if that is not possible
    """

    runs: tuple[RecordedRun, ...]
    policies: tuple[str, ...]
    target_s: float | None = None
    bounds: Bounds | None = None
    replayed: int = RUNS
    samples: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.replayed < 1:
            raise CannotReplay(f"--runs must be at least 1, not {self.replayed}")
        if self.samples < 0:
            raise CannotReplay(f"--samples must not be negative, but is {self.samples}")
        if not self.policies:
            raise CannotReplay("name at least one policy")
        for policy in self.policies:
            _check_policy(policy)
        if not any(self.targets()):
            raise CannotReplay("none of the runs had a runtime target: give one by --target")

    @property
    def first(self) -> int:
        """Place of the first run that is replayed."""
        return max(warm_up_of(len(self.runs)), len(self.runs) - self.replayed)

    def targets(self) -> tuple[float, ...]:
        """Target of each run; that of the latest run that has one where a run has none, or 0."""
        known = [run.run.runtime_target_s for run in self.runs]
        latest = next((target for target in reversed(known) if target), 0.0)
        return tuple(self.target_s or target or latest for target in known)

    def allowed(self) -> Bounds:
        """Sizes that policies may choose.

        Unless they are given: from the least to the most that runs of ours might have, or that
        imported runs had.
        """
        if self.bounds is not None:
            return self.bounds
        found = [_bounds(run) for run in self.runs]
        return Bounds(min(b.minimum for b in found), max(b.maximum for b in found))


@dataclass(frozen=True, slots=True)
class Replay:
    """All runs under one policy, by the curves of one sample.

    :param sample: 0 for the curves of all runs, from 1 for those of resampled ones
    :param untried_share: of the executor-seconds in components, at sizes that these never had
    :param beyond_share: the same, at sizes below or above all that these had
    """

    policy: str
    sample: int
    runs: tuple[RunFigures, ...]
    untried_share: float
    beyond_share: float


def usable_runs(runs: Sequence[RecordedRun]) -> tuple[RecordedRun, ...]:
    """Those of the runs that have components.

    :raises CannotReplay: if no curve can be learned from them
    """
    usable = tuple(run for run in runs if finished_in_order(run))
    if runs and not usable:
        raise CannotReplay(
            "no run has components, so nothing tells what other sizes would have done; replay "
            "runs whose events are complete"
        )
    if len(usable) < 2:  # noqa: PLR2004 - one to learn from, one to replay
        found = "there is only one run" if usable else "there are no runs"
        raise CannotReplay(f"{found}, but at least 2 are needed: one is only learned from")
    sizes = ComponentTimes.of([run.past for run in usable]).sizes()
    if sizes.size < 2:  # noqa: PLR2004 - a curve needs two points
        raise CannotReplay(
            f"all {len(usable)} runs had {sizes[0]} executors, so nothing tells what other sizes "
            "would have done; run the job at another size at least once, such as by num_executors"
        )
    return usable


def recorded_figures(plan: ReplayPlan) -> tuple[RunFigures, ...]:
    """What really came of the runs that are replayed, by the targets of the plan."""
    return tuple(
        RunFigures(
            number=number + 1,
            failing=recorded.outcome.executors_lost > 0,
            runtime_s=recorded.outcome.runtime_s or 0.0,
            violation_s=max((recorded.outcome.runtime_s or 0.0) - target_s, 0.0),
            executor_seconds=recorded.outcome.executor_seconds,
            initial_executors=recorded.run.initial_executors,
            rescales=recorded.outcome.rescales,
            reversals=recorded.outcome.reversals,
        )
        for number, (recorded, target_s) in enumerate(zip(plan.runs, plan.targets(), strict=True))
        if number >= plan.first
    )


def replays(plan: ReplayPlan) -> Iterator[Replay]:
    """Replay sizes as they were, then every policy, by the curves of one sample after the other."""
    past_runs = [recorded.past for recorded in plan.runs]
    times = ComponentTimes.of(past_runs)
    whole = _curves(times, {})
    yield _Replayer(plan, past_runs, times, whole).replay(AS_IT_WAS, _WHOLE)
    rng = generator(plan.seed, "resampled runs")
    runs = times.seconds.shape[0]
    for sample in range(plan.samples + 1):
        curves = whole
        if sample != _WHOLE:
            resampled = np.asarray(rng.integers(0, runs, runs), dtype=np.intp)
            curves = _curves(times.resampled(resampled), whole)
        replayer = _Replayer(plan, past_runs, times, curves)
        for policy in plan.policies:
            yield replayer.replay(policy, sample)


class _Replayer:
    def __init__(
        self,
        plan: ReplayPlan,
        past_runs: Sequence[PastRun],
        times: ComponentTimes,
        curves: Mapping[str, ComponentCurve],
    ) -> None:
        self._plan, self._past_runs, self._curves = plan, past_runs, curves
        self._tried = {key: times.sizes(number) for number, key in enumerate(times.keys)}

    def replay(self, policy: str, sample: int) -> Replay:
        past = list(self._past_runs[: self._plan.first])
        figures: list[RunFigures] = []
        components: list[Component] = []
        targets = self._plan.targets()
        for number in range(self._plan.first, len(self._plan.runs)):
            recorded, target_s = self._plan.runs[number], targets[number]
            job = RecordedJob.of(recorded, self._curves, target_s, _MODE, self._plan.seed)
            controller = self._controller(policy, recorded.run, target_s, job, past)
            snapshot = job.ended(_run(job, controller, recorded))
            ended = outcome(snapshot, 0, target_s, RunState.SUCCEEDED)
            initial = snapshot.initial_executors or 0
            run = replace(recorded.run, initial_executors=initial)
            past.append(PastRun.of(run, ended, snapshot.finished_components, snapshot.requests))
            components += snapshot.finished_components
            failing = recorded.outcome.executors_lost > 0
            figures.append(RunFigures.of(number + 1, initial, ended, failing=failing))
        untried, beyond = self._shares(components)
        return Replay(policy, sample, tuple(figures), untried, beyond)

    def _controller(
        self, name: str, run: Run, target_s: float, job: RecordedJob, past: Sequence[PastRun]
    ) -> Controller:
        bounds = self._plan.allowed()
        if name == AS_IT_WAS:
            return FixedSchedule([max(c.scale_out.end, 1) for c in job.components])
        if name == ORACLE:
            return Oracle(job.job, _MODE, job.noise, bounds)
        policy, learned = find_simulated_policy(name), runs_to_learn_from(past)
        fitted = create_forecaster(policy.forecaster).fit(learned) if policy.forecaster else None
        config = ScalingConfig(
            policy=policy,
            forecaster=fitted,
            target_s=target_s,
            bounds=bounds,
            try_number=1,
            context=run.context,
        )
        return PolicyController(config, learned, run.submitted_at, job.reading)

    def _shares(self, components: Sequence[Component]) -> tuple[float, float]:
        """Shares of executor-seconds at sizes that were not tried, and beyond all that were."""
        every = untried = beyond = 0.0
        for component in components:
            size, tried = component.scale_out.mean, self._tried[component.key]
            executor_seconds = size * (component.added_s or 0.0)
            every += executor_seconds
            distance = float(np.abs(tried - size).min())
            untried += executor_seconds * (distance > max(NEAR * size, 0.5))
            outside = size < tried.min() - 0.5 or size > tried.max() + 0.5
            beyond += executor_seconds * outside
        return (untried / every, beyond / every) if every else (0.0, 0.0)


def _run(job: RecordedJob, controller: Controller, recorded: RecordedRun) -> Snapshot:
    started_at = round(recorded.outcome.started_at or 0.0, 3)
    application = Application(
        job.job, _MODE, job.noise, app_id=recorded.run.key.id, started_at=started_at
    )
    return application.run(controller)


def _curves(
    times: ComponentTimes, otherwise: Mapping[str, ComponentCurve]
) -> dict[str, ComponentCurve]:
    """A curve per key; that of all runs where none of the resampled ones had the component."""
    fitted = dict(zip(times.keys, fit_components(times).curves, strict=True))
    return {key: curve or otherwise[key] for key, curve in fitted.items()}


def _bounds(recorded: RecordedRun) -> Bounds:
    if recorded.run.policy != IMPORTED:
        return recorded.run.bounds
    sizes = [c.scale_out.mean for c in recorded.components if c.scale_out.mean > 0]
    least, most = min(sizes, default=1.0), max(sizes, default=1.0)
    return Bounds(max(round(least), 1), max(round(most), 1))


def _check_policy(name: str) -> None:
    if name == DYNAMIC_ALLOCATION:
        raise CannotReplay(
            f"{name} cannot be replayed: the history does not keep when executors were idle; "
            "static-maximum is near it"
        )
    if is_policy(name):
        try:
            find_simulated_policy(name)
        except ValueError as error:
            raise CannotReplay(str(error)) from None
