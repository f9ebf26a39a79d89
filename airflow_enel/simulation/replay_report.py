"""Sums up replays: figures per policy with their intervals, and what the runs cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from airflow_enel.simulation.component_times import ComponentTimes
from airflow_enel.simulation.figures import FIGURES, RunFigures
from airflow_enel.simulation.replay import AS_IT_WAS, Replay, ReplayPlan, recorded_figures

LOW: Final = 0.1
HIGH: Final = 0.9
"""Quantiles over samples: the 80 % interval."""

FEW_RUNS: Final = 20
"""Below it resampled runs are too alike for their scatter to be trusted."""

_NOTABLE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure by the curves of all runs, and its interval over resampled ones, None without."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """What a policy would have done.

    :param figures: by the names in `figures.FIGURES`
    :param untried_share: see `Replay`
    :param beyond_share: see `Replay`
    """

    policy: str
    figures: dict[str, Estimate]
    untried_share: float
    beyond_share: float


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What came of a replay.

    :param runs: how many were replayed
    :param learned: how many before them policies could learn from
    :param as_it_was: figures of the recorded runs
    :param simulated_as_it_was: the same sizes by the simulator: what it gets wrong by itself
    :param samples: complete ones
    :param limits: what the runs cannot tell, in sentences
    """

    job: str
    runs: int
    learned: int
    targets_s: tuple[float, float]
    bounds: tuple[int, int]
    samples: int
    as_it_was: dict[str, float]
    simulated_as_it_was: dict[str, float]
    policies: tuple[PolicyReplay, ...]
    limits: tuple[str, ...]


def report(plan: ReplayPlan, replays: Iterable[Replay]) -> ReplayReport:
    """Sum up replays; those of a sample that is not complete are left out."""
    found: dict[str, list[Replay]] = {}
    for replay in replays:
        found.setdefault(replay.policy, []).append(replay)
    complete = min(len(found.get(policy, ())) for policy in plan.policies)
    policies = tuple(_policy(found[policy][:complete]) for policy in plan.policies)
    recorded, bounds = recorded_figures(plan), plan.allowed()
    targets = plan.targets()[plan.first :]
    return ReplayReport(
        job=plan.runs[-1].run.job_key,
        runs=len(recorded),
        learned=plan.first,
        targets_s=(min(targets), max(targets)),
        bounds=(bounds.minimum, bounds.maximum),
        samples=complete - 1,
        as_it_was=_figures(recorded),
        simulated_as_it_was=_figures(found[AS_IT_WAS][0].runs),
        policies=policies,
        limits=tuple(_limits(plan, policies, recorded)),
    )


def as_json(found: ReplayReport) -> dict[str, Any]:
    """The report for programs."""
    return {
        "job": found.job,
        "runs": found.runs,
        "learned_from_before": found.learned,
        "target_s": list(found.targets_s),
        "executors": list(found.bounds),
        "samples": found.samples,
        "as_it_was": found.as_it_was,
        "simulated_as_it_was": found.simulated_as_it_was,
        "policies": {
            one.policy: {
                **{name: figure.value for name, figure in one.figures.items()},
                "intervals": {
                    name: None if figure.low is None else [figure.low, figure.high]
                    for name, figure in one.figures.items()
                },
                "untried_share": one.untried_share,
                "beyond_share": one.beyond_share,
            }
            for one in found.policies
        },
        "limits": list(found.limits),
    }


def _figures(runs: Sequence[RunFigures]) -> dict[str, float]:
    return {figure.__name__: figure(runs) for figure in FIGURES}


def _policy(replays: Sequence[Replay]) -> PolicyReplay:
    whole, *samples = replays
    return PolicyReplay(
        policy=whole.policy,
        figures={f.__name__: _estimate(f, whole, samples) for f in FIGURES},
        untried_share=whole.untried_share,
        beyond_share=whole.beyond_share,
    )


def _estimate(
    figure: Callable[[Sequence[RunFigures]], float], whole: Replay, samples: Sequence[Replay]
) -> Estimate:
    """The interval holds the value, also where resampled curves lie all on one side of it."""
    value = figure(whole.runs)
    if not samples:
        return Estimate(value)
    low, high = np.quantile([figure(sample.runs) for sample in samples], (LOW, HIGH)).tolist()
    return Estimate(value, min(low, value), max(high, value))


def _limits(
    plan: ReplayPlan, policies: Sequence[PolicyReplay], recorded: Sequence[RunFigures]
) -> Iterable[str]:
    times = ComponentTimes.of([run.past for run in plan.runs])
    sizes = ", ".join(str(size) for size in times.sizes())
    runs = len(plan.runs)
    if runs < FEW_RUNS:
        yield (
            f"The curves rest on {runs} runs. With fewer than {FEW_RUNS} the intervals are too "
            "narrow."
        )
    for one in policies:
        if one.untried_share > _NOTABLE:
            yield (
                f"{one.policy} spends {one.untried_share:.0%} of its executor-seconds at sizes "
                f"that were never tried, {one.beyond_share:.0%} below or above all of them "
                f"(tried: {sizes}). No interval covers what the curves get wrong there."
            )
    lost = sum(run.failing for run in recorded)
    if lost:
        yield (
            f"{lost} of the runs lost executors. What that cost stays with the component in which "
            "it happened; no policy is asked at the moment of a loss, which is not recorded."
        )
    yield (
        "Intervals tell how far the curves may be off. They do not cover how fast this cluster "
        "starts executors (simulated: 12 to 30 s), nor what other days will bring."
    )
