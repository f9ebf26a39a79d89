"""Leave-one-out forecasts of past runs at any moment, each by the model of all other runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.curves.component_curves import (
    SHORTEST_S,
    curves_at,
    curves_of,
    log_seconds,
)
from airflow_enel.predict.gaussian.lognormal_sum import lognormal_sum
from airflow_enel.predict.gaussian.residuals import DISTURBED_NOISE, SMALLEST_LOG_SD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.gaussian.prior import Prior
    from airflow_enel.predict.gaussian.residuals import IndexArray
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """``k`` past runs, at one moment ``(k,)`` or at ``q`` of them ``(k, q)``.

    :param log_size: logarithm of the executors that what was left of each run had
    :param residual: ``log(actual / predicted)`` of what was left
    :param predicted_log_sd: what the model thought of its own error
    :param weight: how much each run says, 0 if nothing
    """

    log_size: FloatArray
    residual: FloatArray
    predicted_log_sd: FloatArray
    weight: FloatArray

    @classmethod
    def at_moments(cls, moments: Sequence[ForecastErrors]) -> Self:
        """Moment after moment in one."""
        tables = [(j.log_size, j.residual, j.predicted_log_sd, j.weight) for j in moments]
        return cls(*np.stack(tables, axis=-1))

    def at(self, place: float) -> ForecastErrors:
        """At a moment or between two: 1.5 is half way from the second to the third."""
        low = int(place)
        high = min(low + 1, self.residual.shape[1] - 1)
        values = (self.log_size, self.residual, self.predicted_log_sd, self.weight)
        return ForecastErrors(
            *(v[:, low] + (place - low) * (v[:, high] - v[:, low]) for v in values)
        )

    def with_weight(self) -> ForecastErrors:
        """Only runs with a weight."""
        there = self.weight > 0
        values = (self.log_size, self.residual, self.predicted_log_sd, self.weight)
        return ForecastErrors(*(v[there] for v in values))


class LeaveOneOut:
    """Forecasts of the past runs at any moment, each by what all the other runs say.

    Its own deviation is in neither the correction of the curves nor the covariance (conformal by
    leaving one out).
    """

    def __init__(self, past: Alignment, prior: Prior) -> None:
        self._past, self._prior = past, prior
        self._there = ~np.isnan(past.added_s)
        self._seconds = np.nan_to_num(past.added_s)
        self._spent = self._seconds * np.nan_to_num(past.executors)
        self._disturbed = self._there & ~past.clean
        deviation = log_seconds(past.added_s) - curves_of(prior.shapes, past.executors)
        self._deviation = np.where(self._there, deviation, 0.0)
        self._disturbed_runs = np.flatnonzero(self._disturbed.any(axis=1))

    def at(self, behind: IndexArray, ahead: IndexArray) -> tuple[ForecastErrors, ForecastErrors]:
        """Errors at a moment: of all runs as undisturbed, and of those ever disturbed as such.

        A run counts as undisturbed as far as no executor came or went in what was left of it, and
        as disturbed, whatever was left, if one had come or gone before. Disturbed components are
        in neither curves nor covariance, so they count there as they do in a new run.

        :param behind: components that had finished, ``(f,)``
        :param ahead: those that had not, ``(r,)``
        """
        seconds = self._seconds[:, ahead].sum(axis=1)
        size = self._spent[:, ahead].sum(axis=1) / np.maximum(seconds, SHORTEST_S)
        size = np.maximum(size, 1.0)
        usual = curves_at(self._prior.shapes, size)[:, ahead]
        deviation, covariance = self._prior.residuals.leave_one_out(behind, ahead)

        def judged(rows: IndexArray, deviation: FloatArray, weight: FloatArray) -> ForecastErrors:
            total = lognormal_sum(usual[rows] + deviation, self._prior.share[ahead], covariance)
            over = seconds[rows] > 0  # else nothing was left
            residual = log_seconds(seconds[rows]) - log_seconds(total.median_s)
            return ForecastErrors(
                log_size=np.log(size[rows]),
                residual=np.where(over, residual, 0.0),
                predicted_log_sd=np.maximum(total.log_sd, SMALLEST_LOG_SD),
                weight=np.where(over, weight, 0.0),
            )

        every = np.arange(seconds.size)
        return (
            judged(
                every,
                deviation + self._deviation_of_undisturbed(behind, ahead),
                self._undisturbed_weight(ahead),
            ),
            judged(self._disturbed_runs, *self._deviation_of_disturbed(behind, ahead)),
        )

    def _undisturbed_weight(self, ahead: IndexArray) -> FloatArray:
        there = self._there[:, ahead]
        clean = (there & self._past.clean[:, ahead]).sum(axis=1)
        part: FloatArray = self._prior.recency * clean / np.maximum(there.sum(axis=1), 1)
        return part

    def _deviation_of_undisturbed(self, behind: IndexArray, ahead: IndexArray) -> FloatArray:
        """Log deviation of what was left besides what finished components say, ``(n, r)``."""
        prior = self._prior
        if not behind.size:
            return prior.own_pull[:, ahead]
        said = np.sign(prior.weight[:, behind])
        off, promised = prior.off[:, behind], prior.promised[:, behind]
        short, _ = prior.rescale_efficiency.of(off, promised, said, behind)
        deviation: FloatArray = prior.own_pull[:, ahead] + short[:, None] * prior.promised[:, ahead]
        return deviation

    def _deviation_of_disturbed(
        self, behind: IndexArray, ahead: IndexArray
    ) -> tuple[FloatArray, FloatArray]:
        """Log deviation of what was left ``(k, r)``, and how much each run says, ``(k,)``."""
        prior, rows = self._prior, self._disturbed_runs
        if not behind.size or not rows.size:
            return np.zeros((rows.size, ahead.size)), np.zeros(rows.size)
        cells = np.ix_(rows, behind)
        deviation, promised = self._deviation[cells], prior.promised[cells]
        disturbed = self._disturbed[cells]
        said = self._there[cells] / (1.0 + DISTURBED_NOISE * disturbed)
        short, _ = prior.rescale_efficiency.of(deviation, promised, said, behind)
        residual = prior.residuals.limited(deviation - short[:, None] * promised, behind)
        # One gain for all of them: as if all that had finished was disturbed.
        gain = prior.residuals.gain(behind, ahead, np.full(behind.size, DISTURBED_NOISE))
        expected = residual @ gain.T + short[:, None] * prior.promised[np.ix_(rows, ahead)]
        return expected, prior.recency[rows] * disturbed.any(axis=1)
