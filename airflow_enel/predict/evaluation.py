"""Walk-forward evaluation: forecasts each past run from the earlier ones, and scores the errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Bounds, Progress
from airflow_enel.domain.run import mean_executors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from airflow_enel.domain import Component, JobRuns, PastRun
    from airflow_enel.predict.base import Forecaster

WARM_UP: Final = 10
"""Runs before the first forecast: the profiling phase of the published evaluation."""
START: Final = "start"
RUNNING: Final = "running"
NORMAL: Final = "normal"
ALL: Final = "all"

_LOW, _HIGH = 0.1, 0.9  # the 80 % interval


@dataclass(frozen=True, slots=True)
class Prediction:
    """One forecast beside what came.

    :param moment: :data:`START` or :data:`RUNNING`
    :param normal: False if executors failed in the run
    :param executors: the scale-out asked for
    :param actual_s: seconds that really remained, > 0
    :param predicted_s: the median
    :param low_s: the 10 % quantile
    :param high_s: the 90 % quantile
    :param total_s: runtime of the whole run
    """

    job: str
    forecaster: str
    run_id: str
    moment: str
    normal: bool
    executors: int
    actual_s: float
    predicted_s: float
    low_s: float
    high_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of one forecaster: a row of the evaluation.

    With relative errors ``e = predicted / actual − 1``: ``mape_percent`` is the mean of |e|,
    ``median_ape_percent`` its median, ``bias_percent`` the mean of e (above 0: too pessimistic).
    ``error_of_total_percent`` is the mean of |predicted − actual| / runtime of the whole run,
    ``coverage_80_percent`` the part of the actual times inside the 80 % interval.
    """

    job: str
    forecaster: str
    moment: str
    runs: str
    mape_percent: float
    median_ape_percent: float
    bias_percent: float
    error_of_total_percent: float
    coverage_80_percent: float
    predictions: int


def warm_up_of(runs: int) -> int:
    """Runs before the first forecast: :data:`WARM_UP`, but at most half of the runs, at least 1."""
    return max(1, min(WARM_UP, runs // 2))


def forecast_range(runs: int, warm_up: int | None = None) -> range:
    """Numbers of the runs that are forecast, of so many; the first ones are only learned from.

    :param warm_up: runs that are only learned from; None for :func:`warm_up_of`
    """
    return range(warm_up_of(runs) if warm_up is None else warm_up, runs)


def walk_forward(
    job: JobRuns,
    makers: Sequence[Callable[[], Forecaster]],
    warm_up: int | None = None,
    places: Callable[[int], Sequence[int]] = range,
) -> Iterator[tuple[Prediction, ...]]:
    """Forecast run after run, each by forecasters fitted on all runs before it.

    Forecasts are made before the start and after every component but the last. Asked for is the
    scale-out that what remained really had: the mean over its time, as the nearest whole number.

    :param warm_up: runs that are only learned from; None for :func:`warm_up_of`
    :param places: which of so many moments of a run are forecast, ascending; all by default
    :return: the predictions of one run after the other
    """
    runs = job.in_order()
    for number in forecast_range(len(runs), warm_up):
        run, past = runs[number], runs[:number]
        moments = tuple(moments_of(run))
        moments = tuple(moments[place] for place in places(len(moments)))
        found: list[Prediction] = []
        for make in makers:
            found += _predictions(job, run, make().fit(past), moments)
        yield tuple(found)


def summarise(predictions: Iterable[Prediction]) -> tuple[Score, ...]:
    """Scores per job, moment and kind of runs, best first within each.

    Kinds are :data:`NORMAL` and :data:`ALL` runs; a group without predictions has no score.
    """
    groups: dict[tuple[str, str, str, str], list[Prediction]] = {}
    for p in predictions:
        for runs in (NORMAL, ALL) if p.normal else (ALL,):
            groups.setdefault((p.job, p.moment, runs, p.forecaster), []).append(p)
    scores = [_score(*key, group) for key, group in groups.items()]
    order = (START, RUNNING, NORMAL, ALL)
    return tuple(
        sorted(
            scores,
            key=lambda s: (s.job, order.index(s.moment), order.index(s.runs), s.mape_percent),
        )
    )


def _score(job: str, moment: str, runs: str, forecaster: str, group: list[Prediction]) -> Score:
    actual = np.array([p.actual_s for p in group])
    error_s = np.array([p.predicted_s for p in group]) - actual
    relative = error_s / actual
    inside = [p.low_s <= p.actual_s <= p.high_s for p in group]
    figures = (
        np.abs(relative).mean(),
        np.median(np.abs(relative)),
        relative.mean(),
        np.abs(error_s / np.array([p.total_s for p in group])).mean(),
        np.mean(inside),
    )
    mape, median_ape, bias, of_total, coverage = (round(100 * float(f), 3) for f in figures)
    return Score(
        job, forecaster, moment, runs, mape, median_ape, bias, of_total, coverage, len(group)
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a past run at which a forecast can be judged."""

    moment: str
    progress: Progress
    executors: int
    actual_s: float


def moments_of(run: PastRun) -> Iterator[Moment]:
    """The moments of a past run at which a forecast is asked for and can be judged."""
    ordered = sorted(
        (c for c in run.components if c.finished_at is not None and c.added_s is not None),
        key=lambda c: (c.finished_at or 0.0, c.position),
    )
    if not ordered or not 0 < run.runtime_s < np.inf:
        return
    executors = _executors(ordered)
    start = Progress.at_start(Bounds(executors, executors), run.context)
    yield Moment(START, start, executors, run.runtime_s)
    elapsed_s = 0.0
    for count in range(1, len(ordered)):
        elapsed_s += ordered[count - 1].added_s or 0.0
        if run.runtime_s - elapsed_s > 0:
            progress = _progress(run, ordered, count, elapsed_s)
            executors = _executors(ordered[count:])
            yield Moment(RUNNING, progress, executors, run.runtime_s - elapsed_s)


def _progress(run: PastRun, ordered: list[Component], count: int, elapsed_s: float) -> Progress:
    """The progress when ``count`` components had finished."""
    last = ordered[count - 1]
    now = last.finished_at or 0.0
    finished = tuple(sorted(ordered[:count], key=lambda c: c.position))
    begun = [c for c in ordered[count:] if c.started_at < now]
    executors = last.scale_out.end
    return Progress(
        elapsed_s=elapsed_s,
        finished=finished,
        running=max(begun, key=lambda c: c.position, default=None),
        executors=executors,
        requested=executors,
        lost=0,
        epoch=count,
        requests=(),
        age_s=0.0,
        complete=True,
        context=run.context,
    )


def _executors(components: Sequence[Component]) -> int:
    """The scale-out to ask a forecast for: as the components had it on average."""
    ends = sum(c.scale_out.end for c in components) / len(components)
    return max(1, round(mean_executors(components, ends)))


def _predictions(
    job: JobRuns, run: PastRun, fitted: Forecaster, moments: Collection[Moment]
) -> Iterator[Prediction]:
    for at in moments:
        forecast = fitted.predict(at.progress, Bounds(at.executors, at.executors))
        if forecast is not None:
            yield Prediction(
                job=job.job,
                forecaster=forecast.forecaster,
                run_id=run.run_id,
                moment=at.moment,
                normal=run.run_id not in job.failed,
                executors=at.executors,
                actual_s=at.actual_s,
                predicted_s=forecast.median(at.executors),
                low_s=forecast.quantile(at.executors, _LOW),
                high_s=forecast.quantile(at.executors, _HIGH),
                total_s=run.runtime_s,
            )
