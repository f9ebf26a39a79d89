"""Results of the experiments: computed or taken from the cache, and put in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from airflow_enel.simulation.figures import Comparison, SeriesFigures, compare
from benchmarks.experiments.runner import Computed, run_tasks
from benchmarks.experiments.tasks import SeriesTask, Task, series_figures
from benchmarks.experiments.utilization import (
    Pair,
    UtilizationTask,
    UtilizationTasks,
    pairs,
)

if TYPE_CHECKING:
    from benchmarks.experiments.cache import ResultCache
    from benchmarks.experiments.plan import ExperimentsPlan

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class UtilizationResults:
    """Runs of policy ``utilization``, see `UtilizationTasks`."""

    results: dict[str, tuple[Pair, ...]]
    sweep: dict[tuple[int, float], tuple[Pair, ...]]
    overheads: dict[float, tuple[Pair, ...]]


@dataclass(frozen=True, slots=True)
class Results:
    """What the experiments have computed.

    :param series: of each mode, with every policy, job and campaign
    :param trained: series with a network that is trained after each run
    :param cpu_s: CPU seconds that all of it took when it was computed
    """

    series: dict[str, tuple[SeriesFigures, ...]]
    trained: tuple[SeriesFigures, ...]
    utilization: UtilizationResults | None
    cpu_s: float

    def comparisons(self) -> dict[str, Comparison]:
        """Of the policies, by mode."""
        return {mode: compare(found) for mode, found in self.series.items()}


def compute(plan: ExperimentsPlan, cache: ResultCache, processes: int) -> Results:
    """Compute what the cache does not hold.

    :raises SystemExit: on Ctrl-C; what is done by then is kept
    """
    groups = {
        mode: [SeriesTask(one) for one in plan.comparison(mode).plans()] for mode in plan.modes
    }
    trained = [SeriesTask(one) for one in plan.trained()]
    utilization = UtilizationTasks.of(plan.utilization_runs, plan.seed)
    tasks: list[Task] = [*(task for group in groups.values() for task in group), *trained]
    if plan.utilization_runs:
        tasks += utilization.all()
    computed = dict(zip(tasks, run_tasks(tasks, cache, processes), strict=True))
    return Results(
        series={mode: _series(group, computed) for mode, group in groups.items()},
        trained=_series(trained, computed),
        utilization=_utilization(utilization, computed) if plan.utilization_runs else None,
        cpu_s=sum(one.cpu_s for one in computed.values()),
    )


def _series(
    tasks: Iterable[SeriesTask], computed: dict[Task, Computed]
) -> tuple[SeriesFigures, ...]:
    return tuple(series_figures(computed[task].result) for task in tasks)


def _utilization(tasks: UtilizationTasks, computed: dict[Task, Computed]) -> UtilizationResults:
    def of(group: dict[_Key, UtilizationTask]) -> dict[_Key, tuple[Pair, ...]]:
        return {key: pairs(computed[task].result) for key, task in group.items()}

    return UtilizationResults(of(tasks.results), of(tasks.sweep), of(tasks.overheads))
