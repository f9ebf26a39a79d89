"""Tables that compare policies: all jobs together, over the best baseline, job by job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median
from typing import Final

from airflow_enel.simulation.figures import (
    Comparison,
    Figure,
    Figures,
    PolicyFigures,
    SeriesFigures,
    executor_minutes_per_run,
    violation_minutes,
    violations,
)
from benchmarks.experiments.published import SIMULATED_BY, Published
from benchmarks.experiments.ranges import RANGES, MeanAndMedian, range_figures
from benchmarks.experiments.tables import Table

_COLUMNS: Final = {
    "violations": ("violations", ".1f"),
    "sum, min": ("violation_minutes", ".0f"),
    "executor-min per run": ("executor_minutes_per_run", ".0f"),
    "rescales per run": ("rescales_per_run", ".1f"),
    "reversals per run": ("reversals_per_run", ".1f"),
}
SUMMARY: Final = (
    "oracle",
    "enel",
    "static-maximum",
    "spark-dynamic-allocation",
    "risk-static",
    "bell",
    "ellis",
)
"""Policies of the short table, as far as they are there."""


def policies_table(mode: str, comparison: Comparison) -> Table:
    """What each policy reached, the one with the fewest violations first."""
    caption = f"Mode `{mode}`, {comparison.campaigns} campaigns: mean ± standard error."
    rows = [(one.policy, *_cells(one.all_jobs)) for one in ranked(comparison)]
    return Table(f"{mode}-policies", caption, ("policy", *_COLUMNS), tuple(rows))


def over_baseline_table(mode: str, comparison: Comparison) -> Table:
    """What each policy reached more than the best baseline on the same noise."""
    rows = [
        (one.policy, *_cells(one.over_baseline, sign="+"))
        for one in ranked(comparison)
        if one.over_baseline is not None
    ]
    caption = (
        f"Mode `{mode}`: more than `{comparison.baseline}`, the best baseline, campaign by "
        "campaign on the same noise; mean ± standard error of the difference."
    )
    return Table(f"{mode}-over-baseline", caption, ("policy", *_COLUMNS), tuple(rows))


def jobs_table(mode: str, comparison: Comparison) -> Table:
    """Violations and cost of each policy on each job."""
    policies = ranked(comparison)
    jobs = tuple(policies[0].by_job)
    rows = [(one.policy, *(_job_cell(one.by_job[job]) for job in jobs)) for one in policies]
    caption = f"Mode `{mode}`, job by job: violations · executor-minutes per run, means."
    return Table(f"{mode}-jobs", caption, ("policy", *jobs), tuple(rows))


def summary_table(mode: str, comparison: Comparison) -> Table:
    """A few policies in a few figures."""
    headings = tuple(_COLUMNS)[:3]
    rows = [
        (f"`{one.policy}`", *_cells(one.all_jobs)[:3])
        for one in ranked(comparison)
        if one.policy in SUMMARY
    ]
    caption = (
        f"Mode `{mode}`, {comparison.campaigns} campaigns; violations of their targets in a "
        "campaign, by how much in all, and the cost; mean ± standard error."
    )
    return Table("summary", caption, ("policy", *headings), tuple(rows))


def ranges_table(mode: str, series: Sequence[SeriesFigures]) -> Table:
    """The paper's Table III: violations in ranges of runs."""
    rows = []
    for job in dict.fromkeys(one.job for one in series):
        for policy in dict.fromkeys(one.policy for one in series):
            found = [one for one in series if (one.job, one.policy) == (job, policy)]
            ranges = range_figures(found)
            cells = (f"{_both(r.counts)} · {_both(r.minutes)}" for r in ranges)
            rows.append((f"{job}, {policy}", *cells, _published_cell(policy, job)))
    caption = (
        f"Mode `{mode}`, by ranges of runs as the paper's Table III: runs that missed their target "
        "(CVC) · by how much, min (CVS); mean (median) over campaigns. Last: published totals."
    )
    names = (f"{first}–{last}" for first, last in RANGES)
    return Table(f"{mode}-ranges", caption, ("job, policy", *names, "published"), tuple(rows))


def published_table(series: Sequence[SeriesFigures]) -> Table:
    """Simulated policies beside the published runs of the systems that they stand for."""
    rows = []
    for policy, (system, published) in SIMULATED_BY.items():
        of_policy = [one for one in series if one.policy == policy]
        jobs = dict.fromkeys(one.job for one in of_policy if one.job in published)
        for job in jobs:
            simulated = [one for one in of_policy if one.job == job]
            rows.append((f"{job}, {system}", *_beside(published[job], simulated)))
    caption = (
        "Published runs, and simulated ones in mode `as-published` (means over campaigns). "
        "Violations: normal runs + runs with failures."
    )
    headings = (
        "job, system",
        *("violations, published", "simulated", "sum, published, min", "simulated, min"),
        *("executor-min per run, published", "simulated"),
    )
    return Table("published", caption, headings, tuple(rows))


def times_table(series: Iterable[SeriesFigures], trained: Iterable[SeriesFigures]) -> Table:
    """What learning and deciding take, per run."""
    rows = []
    groups: dict[str, list[SeriesFigures]] = {}
    for one in series:
        groups.setdefault(one.policy, []).append(one)
    for one in trained:
        groups.setdefault(f"{one.policy}, trained on {one.job}", []).append(one)
    for name, found in groups.items():
        runs = [run for one in found for run in one.adaptive]
        learning = [run.training_s for run in runs]
        deciding = [run.deciding_s for run in runs]
        rows.append((name, *(_milliseconds(taken) for taken in (learning, deciding))))
    caption = (
        "CPU milliseconds per run, median (largest): to learn before it (fit the forecaster, train "
        "the network), and for all its decisions together."
    )
    return Table("times", caption, ("policy", "learning", "deciding"), tuple(rows))


def ranked(comparison: Comparison) -> list[PolicyFigures]:
    """Policies by their violations, by their cost where these are equal."""
    names = ("violations", "executor_minutes_per_run")
    return sorted(comparison.policies, key=lambda one: [one.all_jobs[n].mean for n in names])


def _cells(figures: Figures, sign: str = "") -> list[str]:
    return [_figure(figures[name], sign + form) for name, form in _COLUMNS.values()]


def _figure(figure: Figure, form: str) -> str:
    mean = f"{figure.mean:{form}}".replace("-", "−")
    error = "" if figure.standard_error is None else f" ± {figure.standard_error:{form[-3:]}}"
    return mean + error


def _job_cell(figures: Figures) -> str:
    return f"{figures['violations'].mean:.1f} · {figures['executor_minutes_per_run'].mean:.0f}"


def _both(figure: MeanAndMedian) -> str:
    return f"{figure.mean:.1f} ({figure.median:.1f})"


def _published_cell(policy: str, job: str) -> str:
    _, published = SIMULATED_BY.get(policy, ("", {}))
    if job not in published:
        return "–"
    found = published[job]
    return f"{found.violations + found.violations_failing} · {found.violation_minutes}"


def _beside(published: Published, simulated: Sequence[SeriesFigures]) -> tuple[str, ...]:
    normal = fmean(violations([r for r in s.adaptive if not r.failing]) for s in simulated)
    failing = fmean(violations([r for r in s.adaptive if r.failing]) for s in simulated)
    cost = published.executor_minutes_per_run
    return (
        f"{published.violations} + {published.violations_failing}",
        f"{normal:.1f} + {failing:.1f}",
        f"{published.violation_minutes:.0f}",
        f"{fmean(violation_minutes(s.adaptive) for s in simulated):.0f}",
        "–" if cost is None else f"{cost:.0f}",
        f"{fmean(executor_minutes_per_run(s.adaptive) for s in simulated):.0f}",
    )


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{1e3 * median(seconds):,.0f} ({1e3 * max(seconds):,.0f})"
