"""Figures of simulated campaigns: violations, cost and rescales per policy, with their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from airflow_enel.domain import RunOutcome

_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What counts of one run.

    :param number: in its series, from 1
    :param failing: True if executors were killed in it
    :param violation_s: by how much it missed its target, 0 if it did not (CVS of the paper)
    :param training_s: CPU seconds to fit and train before it
    :param deciding_s: CPU seconds for its decisions
    """

    number: int
    failing: bool
    runtime_s: float
    violation_s: float
    executor_seconds: float
    initial_executors: int
    rescales: int
    reversals: int
    training_s: float = 0.0
    deciding_s: float = 0.0

    @classmethod
    def of(
        cls,
        number: int,
        initial_executors: int,
        outcome: RunOutcome,
        *,
        failing: bool,
        training_s: float = 0.0,
        deciding_s: float = 0.0,
    ) -> RunFigures:
        """The figures of a run that has ended."""
        return cls(
            number=number,
            failing=failing,
            runtime_s=outcome.runtime_s or 0.0,
            violation_s=outcome.violation_s or 0.0,
            executor_seconds=outcome.executor_seconds,
            initial_executors=initial_executors,
            rescales=outcome.rescales,
            reversals=outcome.reversals,
            training_s=training_s,
            deciding_s=deciding_s,
        )


@dataclass(frozen=True, slots=True)
class SeriesFigures:
    """The runs of one series.

    :param profiling: how many of them, the first, were profiled
    """

    policy: str
    job: str
    campaign: int
    target_s: float
    profiling: int
    runs: tuple[RunFigures, ...]

    @property
    def adaptive(self) -> tuple[RunFigures, ...]:
        """Those that the policy has sized."""
        return self.runs[self.profiling :]


def violations(runs: Sequence[RunFigures]) -> float:
    """Runs that missed their target (CVC of the paper)."""
    return float(sum(run.violation_s > 0 for run in runs))


def violation_minutes(runs: Sequence[RunFigures]) -> float:
    """By how much they missed it, in minutes."""
    return sum(run.violation_s for run in runs) / _MINUTE_S


def executor_minutes_per_run(runs: Sequence[RunFigures]) -> float:
    """Registered executors, integrated over time."""
    return fmean(run.executor_seconds for run in runs) / _MINUTE_S


def rescales_per_run(runs: Sequence[RunFigures]) -> float:
    """Requests that changed the number of executors."""
    return fmean(run.rescales for run in runs)


def reversals_per_run(runs: Sequence[RunFigures]) -> float:
    """Changes of direction among them."""
    return fmean(run.reversals for run in runs)


FIGURES: Final[tuple[Callable[[Sequence[RunFigures]], float], ...]] = (
    violations,
    violation_minutes,
    executor_minutes_per_run,
    rescales_per_run,
    reversals_per_run,
)
"""What is told of a policy; a function's name is the figure's."""

REFERENCES: Final = (
    "static-maximum",
    "risk-static",
    "spark-dynamic-allocation",
    "static",
    "bell",
    "ellis",
    "ellis-published",
)
"""Baselines of which the best is what others are compared with."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure over campaigns.

    :param standard_error: of the mean, None with one campaign
    """

    mean: float
    standard_error: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The mean of one value per campaign."""
        error = stdev(values) / sqrt(len(values)) if len(values) > 1 else None
        return cls(fmean(values), error)


Figures = dict[str, Figure]
"""By the figures' names."""


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """Figures of one policy.

    :param all_jobs: over all jobs together
    :param by_job: of each job
    :param over_baseline: less those of the best baseline on the same noise, pair by pair; None for
        that baseline itself, or if there is none
    """

    policy: str
    all_jobs: Figures
    by_job: dict[str, Figures]
    over_baseline: Figures | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Policies that met the same noise.

    :param baseline: the best of `REFERENCES` among them, None without one
    """

    campaigns: int
    policies: tuple[PolicyFigures, ...]
    baseline: str | None


def compare(series: Iterable[SeriesFigures]) -> Comparison:
    """Sum up series of some policies, all of the same jobs and campaigns."""
    by_policy: dict[str, dict[int, dict[str, Sequence[RunFigures]]]] = {}
    for one in series:
        jobs = by_policy.setdefault(one.policy, {}).setdefault(one.campaign, {})
        jobs[one.job] = one.adaptive
    together = {policy: _per_campaign(jobs.values()) for policy, jobs in by_policy.items()}
    baseline = _best(together)
    policies = tuple(
        PolicyFigures(
            policy=policy,
            all_jobs=_figures(values),
            by_job=_by_job(by_policy[policy]),
            over_baseline=_over(values, together.get(baseline or "", {}), policy == baseline),
        )
        for policy, values in together.items()
    )
    campaigns = max((len(found) for found in by_policy.values()), default=0)
    return Comparison(campaigns, policies, baseline)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison for programs."""
    return {
        "campaigns": comparison.campaigns,
        "baseline": comparison.baseline,
        "policies": {
            one.policy: {
                **_json(one.all_jobs),
                "over_baseline": None if one.over_baseline is None else _json(one.over_baseline),
                "jobs": {job: _json(figures) for job, figures in one.by_job.items()},
            }
            for one in comparison.policies
        },
    }


_Values = dict[str, list[float]]


def _per_campaign(campaigns: Iterable[Mapping[str, Sequence[RunFigures]]]) -> _Values:
    """One value per figure and campaign, over all jobs."""
    runs = [[run for of_job in jobs.values() for run in of_job] for jobs in campaigns]
    return {figure.__name__: [figure(of_campaign) for of_campaign in runs] for figure in FIGURES}


def _figures(values: _Values) -> Figures:
    return {name: Figure.of(of_campaigns) for name, of_campaigns in values.items()}


def _by_job(campaigns: Mapping[int, Mapping[str, Sequence[RunFigures]]]) -> dict[str, Figures]:
    jobs = dict.fromkeys(job for found in campaigns.values() for job in found)
    return {
        job: _figures(_per_campaign({job: found[job]} for found in campaigns.values()))
        for job in jobs
    }


def _best(together: Mapping[str, _Values]) -> str | None:
    """The baseline with the fewest violations, the cheapest of equals."""
    found = [policy for policy in REFERENCES if policy in together]
    return min(found, key=lambda policy: _rank(together[policy]), default=None)


def _rank(values: _Values) -> tuple[float, float]:
    return fmean(values["violations"]), fmean(values["executor_minutes_per_run"])


def _over(values: _Values, baseline: _Values, itself: bool) -> Figures | None:
    if itself or not baseline:
        return None
    return _figures(
        {
            name: [one - other for one, other in zip(own, baseline[name], strict=True)]
            for name, own in values.items()
        }
    )


def _json(figures: Figures) -> dict[str, Any]:
    return {
        **{name: figure.mean for name, figure in figures.items()},
        "standard_errors": {name: figure.standard_error for name, figure in figures.items()},
    }
