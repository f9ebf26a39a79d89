"""Which share of the variance of a job's runtimes size, input, calendar and progress explain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Bounds, JobRuns, RunContext
from airflow_enel.domain.context import CALENDAR
from airflow_enel.predict.evaluation import moments_of
from airflow_enel.predict.gaussian.conditional import Conditional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import PastRun
    from airflow_enel.predict.samples import FloatArray

LEAST_RUNS: Final = 6
"""Runs below which shares say nothing."""

_FOLDS: Final = 11  # no usual period, or all runs of a weekday would be left out together
_FARTHEST: Final = 1.5  # in logs: one run of ten times the length would be all there is

Hide = Callable[["PastRun"], "PastRun"]


@dataclass(frozen=True, slots=True)
class VarianceShares:
    """Shares of the variance of the log runtime, 0…1; together with `unexplained` they are 1.

    Each comes on top of those before it. Runs are forecast by the others, a part of them at a
    time, so that chance explains nothing; so what a change of the job does is not explained.

    :param size: by the executors alone
    :param context: by the numbers and texts of the context
    :param calendar: by the calendar of the data
    :param progress: by the components that have finished half way, and what they have read
    """

    job: str
    runs: int
    size: float
    context: float
    calendar: float
    progress: float
    unexplained: float


def variance_shares(job: JobRuns) -> VarianceShares | None:
    """Shares of a job, None with fewer than :data:`LEAST_RUNS` runs that can be forecast."""
    runs = [run for run in job.in_order() if len(tuple(moments_of(run))) > 0]
    if len(runs) < LEAST_RUNS:
        return None
    logs = np.log([run.runtime_s for run in runs])
    left = [_variance(logs - np.median(logs))]
    for hide in (_hide_context, _hide_calendar, _hide_nothing):
        left.append(min(_variance(_errors([hide(run) for run in runs])), left[-1]))
    left.append(min(_variance(_errors(runs, half_way=True)), left[-1]))
    whole = max(left[0], 1e-12)
    size, context, calendar, progress = (
        float((before - after) / whole) for before, after in pairwise(left)
    )
    unexplained = 1.0 - size - context - calendar - progress
    return VarianceShares(job.job, len(runs), size, context, calendar, progress, unexplained)


def _errors(runs: Sequence[PastRun], *, half_way: bool = False) -> FloatArray:
    """Log of actual over predicted runtime of each run, by models of the others, ``(n,)``."""
    errors = np.zeros(len(runs))
    for fold in range(_FOLDS):
        others = [run for place, run in enumerate(runs) if place % _FOLDS != fold]
        fitted = Conditional().fit(others)
        for place in range(fold, len(runs), _FOLDS):
            errors[place] = _error(runs[place], fitted, half_way=half_way)
    return errors


def _error(run: PastRun, fitted: Conditional, *, half_way: bool) -> float:
    moments = tuple(moments_of(run))
    at = moments[0]
    if half_way:
        at = [m for m in moments if m.actual_s >= run.runtime_s / 2][-1]
    forecast = fitted.predict(at.progress, Bounds(at.executors, at.executors))
    if forecast is None:
        return 0.0
    passed_s = run.runtime_s - at.actual_s
    return float(np.log(run.runtime_s / (passed_s + forecast.median(at.executors))))


def _variance(errors: FloatArray) -> float:
    """Mean square, in which a run far off counts as one by :data:`_FARTHEST`."""
    return float((np.clip(errors, -_FARTHEST, _FARTHEST) ** 2).mean())


def _hide_context(run: PastRun) -> PastRun:
    components = tuple(replace(component, input_bytes=0) for component in run.components)
    return replace(run, context=RunContext(), components=components)


def _hide_calendar(run: PastRun) -> PastRun:
    entries = tuple((name, value) for name, value in run.context if name not in CALENDAR)
    return replace(run, context=RunContext(entries))


def _hide_nothing(run: PastRun) -> PastRun:
    return run
