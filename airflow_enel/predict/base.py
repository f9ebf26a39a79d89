"""Protocols of all estimators: curves (executors to seconds) and forecasters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from airflow_enel.domain import (
        Bounds,
        ComponentForecast,
        Forecast,
        ModelFormat,
        PastRun,
        Progress,
        TrainedModel,
    )
    from airflow_enel.predict.samples import FloatArray


class Curve(Protocol):
    """Seconds as a function of executors."""

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Learn from samples of one shape ``(n,)``; executors > 0, seconds ≥ 0, all finite.

        :raises ValueError: if there are no samples or unusable ones
        """

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0, shape ``(m,)`` for executors of shape ``(m,)`` or a number.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """


class Forecaster(Protocol):
    """Remaining seconds of a run per candidate scale-out."""

    @property
    def name(self) -> str:
        """Its name in forecasts and tables."""

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from the past runs of one recurring job, in any order, possibly none."""

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Remaining seconds from ``progress.elapsed_s`` on, per candidate of ``bounds``.

        :return: None if there is no model yet
        """


@runtime_checkable
class ForecastsComponents(Protocol):
    """What a forecaster has besides if it knows each component, for planners of executors."""

    def forecast_components(self, progress: Progress, bounds: Bounds) -> ComponentForecast | None:
        """Distribution of every component to come at each candidate and at the present size.

        :return: None if there is no model yet
        """


@runtime_checkable
class ReadsModels(Protocol):
    """What a forecaster has besides if a trained model can correct it.

    Its past runs come with their stages. Without a model it forecasts by itself.
    """

    @property
    def model_format(self) -> ModelFormat:
        """Which models it reads."""

    def with_model(self, trained: TrainedModel, job: str) -> Forecaster:
        """A new forecaster with a model, to be fitted on the past runs.

        :param trained: of that format
        :param job: the recurring job's name in the model, see `training_name`
        :raises ValueError: if the model cannot be read
        """
