"""Schedules trainings for a walk-forward evaluation of ``enel``: no run sees a later one.

Imports no torch: :func:`schedule_trainings` says what to train on, the caller trains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.features.stage_graph import context_properties
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.evaluation import forecast_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress
    from airflow_enel.predict.base import Forecaster
    from airflow_enel.predict.enel.model import EnelModel
    from airflow_enel.predict.samples import FloatArray

GROWTH: Final = 0.25
"""Part by which the runs that are over must have grown for a new training: all trainings together
cost five times the last one, and no model lacks more than a fifth of what it could know."""
MOST_RUNS: Final = 50
"""Newest runs of each job that a model learns from: as many as a training reads of the history."""


@dataclass(frozen=True, slots=True)
class TrainingSchedule:
    """Trainings that an evaluation needs, and which runs each of them forecasts.

    :param trainings: what each learns from, in the order of time
    :param without_signal: jobs whose runs vary in no input of the network; forecast by its prior
    """

    trainings: tuple[tuple[JobRuns, ...], ...]
    without_signal: tuple[str, ...]
    _jobs: tuple[str, ...]
    _training: Mapping[tuple[int, int], int] = field(repr=False)

    def trainings_of(self, job: int) -> tuple[int, ...]:
        """Numbers of the trainings whose models forecast runs of a job, oldest first.

        :param job: its place among the jobs that were scheduled
        """
        return tuple(sorted({t for (index, _), t in self._training.items() if index == job}))

    def makers(
        self,
        models: Sequence[EnelModel | None],
        forecaster: Callable[[EnelModel | None, str], Forecaster] = Enel,
    ) -> tuple[Callable[[], Forecaster], ...]:
        """Factories of the forecaster of each job, for ``walk_forward``.

        :param models: of the trainings, None for one that had too little to learn from
        :param forecaster: made of a model, or None before there is any, and the name of a job
        """
        found = []
        for index, job in enumerate(self._jobs):
            of_runs = {n: models[t] for (i, n), t in self._training.items() if i == index}
            found.append(partial(_RetrainedForecaster, of_runs, job, forecaster))
        return tuple(found)


class _RetrainedForecaster:
    """Forecaster that uses for each run the latest model trained before it."""

    def __init__(
        self,
        models: Mapping[int, EnelModel | None],
        job: str,
        forecaster: Callable[[EnelModel | None, str], Forecaster],
    ) -> None:
        self._models, self._job, self._forecaster = models, job, forecaster
        self._current = forecaster(None, job)

    @property
    def name(self) -> str:
        """Of the forecaster itself."""
        return self._current.name

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from all runs of the job before one: their number says which that is."""
        model = self._models.get(len(past_runs))
        self._current = self._forecaster(model, self._job).fit(past_runs)
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """As the forecaster itself."""
        return self._current.predict(progress, bounds)


def has_signal(runs: Sequence[PastRun]) -> bool:
    """Whether anything in the runs could make the network's correction other than 0.

    It answers to metrics of stages, to the context, and to executors that come or go within a
    component (see :class:`~airflow_enel.predict.enel.config.EnelConfig`): all its other inputs
    only say how strongly.
    """
    return any(
        context_properties(run.context)
        or any(c.stages or c.scale_out.start != c.scale_out.end for c in run.components)
        for run in runs
    )


def schedule_trainings(
    series: Sequence[JobRuns],
    warm_up: int | None = None,
    growth: float = GROWTH,
    has_signal: Callable[[Sequence[PastRun]], bool] = has_signal,
) -> TrainingSchedule:
    """Plan trainings such that no forecast knows a run that was not over when its own began.

    By the clocks of the runs, whatever job they are of. A model serves until the runs that are
    over have grown by a part of those it could know. Jobs without a signal are not learned from.

    :param warm_up: runs of each job that are not forecast; None for the evaluation's own
    :param has_signal: whether there is something to learn from the runs of a job
    """
    by_end = {index: _by_end(of.runs) for index, of in enumerate(series) if has_signal(of.runs)}
    trainings: list[tuple[JobRuns, ...]] = []
    training: dict[tuple[int, int], int] = {}
    learned = 0
    for at, index, number in _forecasts(series, by_end, warm_up):
        over = {i: int(np.searchsorted(ends, at, side="right")) for i, (ends, _) in by_end.items()}
        known = sum(over.values())
        if known and known >= (1.0 + growth) * learned:
            learned = known
            jobs = (
                JobRuns(series[i].job, by_end[i][1][max(count - MOST_RUNS, 0) : count])
                for i, count in over.items()
                if count
            )
            trainings.append(tuple(jobs))
        if trainings:
            training[index, number] = len(trainings) - 1
    without_signal = tuple(of.job for i, of in enumerate(series) if i not in by_end)
    return TrainingSchedule(
        tuple(trainings), without_signal, tuple(of.job for of in series), training
    )


def _by_end(runs: Sequence[PastRun]) -> tuple[FloatArray, tuple[PastRun, ...]]:
    """Ends, ascending, and the runs in their order."""
    ordered = sorted(runs, key=lambda run: (run.started_at + run.runtime_s, run.run_id))
    return np.array([run.started_at + run.runtime_s for run in ordered]), tuple(ordered)


def _forecasts(
    series: Sequence[JobRuns], chosen: Iterable[int], warm_up: int | None
) -> list[tuple[float, int, int]]:
    """Start, number of the series and number in it of every run to forecast, by time."""
    found = []
    for index in chosen:
        runs = series[index].in_order()
        found += [(runs[n].started_at, index, n) for n in forecast_range(len(runs), warm_up)]
    return sorted(found)
