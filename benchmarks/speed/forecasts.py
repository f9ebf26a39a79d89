"""Every forecaster: its fit on the past runs of a job, before each run, and one forecast of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.predict.base import ForecastsComponents
from airflow_enel.predict.registry import BUILT_IN, create_forecaster
from benchmarks.figures import Figure, timed_ms
from tests.support.builders.recurring_jobs import SCENARIOS, long_job, make_runs

BOUNDS = Bounds(4, 36)
SIZES = (36, 18, 9, 27, 6, 12, 22, 4, 31, 15, 7, 25, 10, 20)
"""Of the past runs by turns: curves are judged by leaving one after the other out."""
PAST_RUNS = (12, 64)
_AIMS = {"ellis": "≤ 15", "conditional": "≤ 20"}


def measure() -> Iterable[Figure]:
    """33 scale-outs, 35 components, on few and on many past runs.

    Planners' forecasts are those of all components, before the start; others of the latter half.
    """
    *past, present = make_runs(long_job(), SCENARIOS["nothing"], max(PAST_RUNS) + 1, 4, SIZES)
    progress = _halfway(present)
    for known in PAST_RUNS:
        for name in BUILT_IN:
            fitted = create_forecaster(name)
            fit = partial(fitted.fit, past[:known])
            yield timed_ms(f"{name}: fit on {known} runs", fit, _AIMS.get(name, ""))
            forecast = partial(fitted.predict, progress, BOUNDS)
            yield timed_ms(f"{name}: forecast after {known} runs", forecast)
            if isinstance(fitted, ForecastsComponents):
                components = partial(fitted.forecast_components, Progress.at_start(BOUNDS), BOUNDS)
                yield timed_ms(f"{name}: components after {known} runs", components, "≤ 2")


def _halfway(run: PastRun) -> Progress:
    finished = run.components[: len(run.components) // 2]
    elapsed_s = sum(component.added_s or 0.0 for component in finished)
    size = run.initial_executors
    return Progress(elapsed_s, finished, None, size, size, 0, len(finished), (), 0.0, True)
