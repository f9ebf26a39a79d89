"""The network of the paper, used as the paper does, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Bounds, Forecast, JobRuns, PastRun, Progress
from airflow_enel.predict import Bell, Conditional, Forecaster, Remaining
from airflow_enel.predict.alignment import Alignment
from airflow_enel.predict.enel.config import PAPER
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import RunFeatures
from airflow_enel.predict.enel.inference.corrections import Corrections
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.model import EnelModel, TooLittleHistory
from airflow_enel.predict.enel.training.schedule import schedule_trainings
from airflow_enel.predict.samples import SMALLEST_S, FloatArray
from airflow_enel.predict.spread import UNKNOWN

if TYPE_CHECKING:
    from typing_extensions import Self

NAME: Final = "enel, paper's network"


class PaperNetwork:
    """The sum of the components that are expected, each as the network says.

    The one that comes first has no predecessors, so Bell says how long it takes. Which are
    expected, and what follows them, is as the prior has it. The paper knows no interval.

    :param model: None: no forecasts
    """

    name: Final = NAME

    def __init__(self, model: EnelModel | None, job: str) -> None:
        self._model, self._job = model, job

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn curve and summaries from past runs; the network stays as it is."""
        self._expected = Conditional().fit(past_runs)
        past = Alignment.of(past_runs)
        if self._model is None or not past.columns:
            return self
        self._identities = tuple(past.columns)
        self._place = np.nanmedian(past.position, axis=0)
        self._first = int(np.argmin(self._place))
        there = ~np.isnan(past.added_s[:, self._first])
        samples = (of[there, self._first] for of in (past.executors, past.added_s))
        self._bell = Bell().fit(*samples)
        config = self._model.config
        features = [RunFeatures.of(run, self._job) for run in past_runs]
        self._network = Corrections(
            EnelInference(config, self._model.weights),
            JobHistory.of(features, config),
            self._job,
        )
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """The sum at every candidate."""
        remaining = self._expected.components(progress, bounds)
        if self._model is None or remaining is None:
            return None
        left_s = np.full(len(bounds.candidates), remaining.tail_s)
        if remaining.columns.size:
            expected_s = self._seconds(progress, bounds, remaining) @ remaining.share
            left_s += np.maximum(expected_s - remaining.spent_s, 0.0)
        median_s = np.maximum(left_s, SMALLEST_S)
        log_sd = (UNKNOWN,) * median_s.size
        return Forecast(self.name, bounds.candidates, tuple(median_s.tolist()), log_sd)

    def _seconds(self, progress: Progress, bounds: Bounds, remaining: Remaining) -> FloatArray:
        """Of the remaining components at every candidate, ``(c, m)``."""
        place = self._place[remaining.columns].copy()
        if remaining.current is not None:
            place[remaining.current] = -1.0
        order = np.argsort(place, kind="stable")
        identities = [self._identities[column] for column in remaining.columns[order]]
        moment = self._network.moment(progress)
        seconds = np.empty((len(bounds.candidates), order.size))
        # A network that is no correction says seconds.
        seconds[:, order] = np.exp(self._network.remaining(identities, moment, bounds.candidates))
        if not progress.finished:
            first = self._bell.predict(np.array(bounds.candidates))
            seconds[:, remaining.columns == self._first] = first[:, None]
        return seconds


def paper_makers(series: Sequence[JobRuns], growth: float) -> tuple[Callable[[], Forecaster], ...]:
    """What makes it for each series, trained on what was over before each run.

    It learns seconds, so that every run tells it something.
    """
    plan = schedule_trainings(series, growth=growth, has_signal=bool)
    return plan.makers([_trained(jobs) for jobs in plan.trainings], PaperNetwork)


def _trained(jobs: tuple[JobRuns, ...]) -> EnelModel | None:
    from airflow_enel.predict.enel.training.trainer import train  # noqa: PLC0415 - torch

    try:
        return train(jobs, config=PAPER, seed=0, created_at=0.0)
    except TooLittleHistory:
        return None
