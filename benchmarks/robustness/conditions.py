"""Policy ``enel`` where clusters and jobs differ from those it was developed on.

Executors that start late, changes that are dear, curves that none of the forecaster's shapes
follows, and inputs that change from run to run; the last also with a network that is trained after
each run, and by the paper's rule.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from airflow_enel.simulation.campaign import Experiment, simulate
from airflow_enel.simulation.figures import (
    SeriesFigures,
    executor_minutes_per_run,
    violation_minutes,
    violations,
)
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.job_file import PAPER_JOBS, find_job
from airflow_enel.simulation.mode import Mode, find_mode
from benchmarks.figures import Figure

SEED: Final = 5311
CAMPAIGNS: Final = 2
POLICIES: Final = ("enel", "risk-static", "oracle")

_ELASTICITY: Final = 0.3
_TASKS: Final = 50


@dataclass(frozen=True, slots=True)
class Condition:
    """Policies on some jobs of a cluster."""

    name: str
    mode: Mode
    jobs: tuple[JobDescription, ...]
    policies: tuple[str, ...] = POLICIES
    train: bool = False


def conditions() -> tuple[Condition, ...]:
    """All of them."""
    elastic, paper = find_mode("elastic"), tuple(map(find_job, PAPER_JOBS))
    dear = replace(
        elastic,
        pause_s=5 * elastic.pause_s,
        pause_per_executor_s=5 * elastic.pause_per_executor_s,
    )
    etl = (find_job("ETL"),)
    return (
        Condition("executors start in 60 to 120 s", replace(elastic, start_s=(60.0, 120.0)), paper),
        Condition("changes hold up 5 times as long", dear, paper),
        Condition("other curves", elastic, tuple(map(_with_other_curves, paper))),
        Condition("changing inputs", elastic, etl, (*POLICIES, "enel-paper")),
        Condition("changing inputs, trained", elastic, etl, ("enel", "enel-paper"), train=True),
    )


def measure() -> Iterable[Figure]:
    """Violations, their sum and executor-minutes, means of the campaigns, on the same noise."""
    for condition in conditions():
        experiment = Experiment(
            condition.policies,
            condition.jobs,
            condition.mode,
            CAMPAIGNS,
            SEED,
            train=condition.train,
        )
        found: defaultdict[str, list[SeriesFigures]] = defaultdict(list)
        for series in simulate(experiment):
            found[series.policy].append(series)
        for policy, of_policy in found.items():
            yield from _figures(f"{condition.name}, {policy}", of_policy)


def _with_other_curves(job: JobDescription) -> JobDescription:
    """With work that is divided into tasks, in waves, of which more executors slow every one."""
    return replace(job, phases=tuple(map(_in_waves, job.phases)))


def _in_waves(phase: Phase) -> Phase:
    if not phase.parallel_s:
        return phase
    return replace(phase, tasks=_TASKS, elasticity=phase.elasticity + _ELASTICITY)


def _figures(title: str, series: list[SeriesFigures]) -> Iterable[Figure]:
    by_campaign: defaultdict[int, list[SeriesFigures]] = defaultdict(list)
    for each in series:
        by_campaign[each.campaign].append(each)
    campaigns = [[run for each in of for run in each.adaptive] for of in by_campaign.values()]
    for what, unit, name in (
        (violations, f"of {len(campaigns[0])}", "violations"),
        (violation_minutes, "min", "sum of violations"),
        (executor_minutes_per_run, "min", "executor-minutes per run"),
    ):
        values = [what(runs) for runs in campaigns]
        mean = sum(values) / len(values)
        yield Figure(f"{title}: {name}", unit, mean, min(values), max(values), len(values))
