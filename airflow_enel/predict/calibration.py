"""How far forecasts of past runs would be off, by what was left of them and at which size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.prior import Prior, log_seconds
from airflow_enel.predict.residuals import SMALLEST_LOG_SD
from airflow_enel.predict.shapes import CLIP, SHORTEST_S
from airflow_enel.predict.spread import CEILING, FLOOR, UNKNOWN, robust_log_sd
from airflow_enel.predict.totals import sum_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

MOMENTS: Final = 8
"""Moments of every past run at which it is forecast in hindsight."""

BANDWIDTHS: Final = (0.1, 0.2, 0.4, np.inf)
"""Of log executors: how alike sizes must be for the same shift; infinite for one shift of all."""

_SHRINK = 1.0  # a shift needs as many runs nearby to be half believed


@dataclass(frozen=True, slots=True)
class Calibration:
    """Residuals ``log(actual / predicted)`` of ``k`` past runs at ``q`` moments.

    Each run is forecast by what all the others say (conformal by leaving one out): its deviation
    is in neither the correction of the curves nor the covariance.

    :param left: expected part of the runtime that is left at each moment, descending, ``(q,)``
    :param log_size: logarithm of the executors that what was left of each run had, ``(k, q)``
    :param residual: ``(k, q)``
    :param predicted_log_sd: what the model thought of its own error, ``(k, q)``
    :param weight: recent runs count more, disturbed ones less, ``(k, q)``
    """

    left: FloatArray
    log_size: FloatArray
    residual: FloatArray
    predicted_log_sd: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, past: Alignment, prior: Prior, typical_s: FloatArray) -> Self:
        """Forecast past runs in hindsight.

        :param typical_s: seconds to be expected of each component at the start, ``(m,)``
        """
        order = np.argsort(np.nanmedian(past.position, axis=0), kind="stable")
        ahead = np.cumsum(typical_s[order][::-1])[::-1]
        ahead /= ahead[0]
        cuts = np.unique(
            [np.flatnonzero(ahead >= part)[-1] for part in np.arange(1, MOMENTS + 1) / MOMENTS]
        )
        judged = np.stack([_judge(past, prior, order[:cut], order[cut:]) for cut in cuts], axis=-1)
        if past.tail_s.size == 1:  # there are no others that could say anything of it
            judged = judged[:, :0]
        return cls(ahead[cuts], *judged)

    def at(self, left: float, executors: FloatArray, log_sd: FloatArray) -> tuple[FloatArray, ...]:
        """Shift of the log median and calibrated spread.

        :param left: expected part of the runtime that is left
        :param executors: candidates, ``(c,)``
        :param log_sd: what the model thinks of its error there, ``(c,)``
        :return: shift and log standard deviation, ``(c,)`` each; not shifted and
            :data:`~airflow_enel.predict.spread.UNKNOWN` without a judged run
        """
        residual, size, own, weight = self._between(left)
        if not residual.size:
            return np.zeros(executors.size), np.full(executors.size, UNKNOWN)
        if not (weight > 0).any():  # nothing but disturbed runs: better than nothing
            weight = np.ones(weight.size)
        used = weight > 0
        residual, size, own, weight = residual[used], size[used], own[used], weight[used]
        reach = CLIP * robust_log_sd(residual)
        limited = np.clip(residual, -reach, reach)
        # Each run against the shift that the others suggest: its own would flatter it.
        others = weight * (1 - np.eye(size.size))
        off = [residual - _pulled(_kernel(size, size, h) * others, limited) for h in BANDWIDTHS]
        best = int(np.argmin([np.average(np.abs(o), weights=weight) for o in off]))
        kernel = _kernel(np.log(executors), size, BANDWIDTHS[best])
        shift = _pulled(kernel * weight, limited)
        typical = float(np.median(own))
        spread = robust_log_sd(off[best] * typical / own)
        # As if there were one more run of which nothing is known: few that agree are no proof.
        spread = np.sqrt((size.size * spread**2 + UNKNOWN**2) / (size.size + 1))
        return shift, np.clip(log_sd * spread / typical, FLOOR, CEILING)

    def _between(self, left: float) -> tuple[FloatArray, ...]:
        """Residual, log size, predicted spread and weight between two moments, ``(k,)`` each."""
        place = np.interp(-left, -self.left, np.arange(self.left.size))
        low = int(place)
        high = min(low + 1, self.left.size - 1)
        return tuple(
            values[:, low] + (place - low) * (values[:, high] - values[:, low])
            for values in (self.residual, self.log_size, self.predicted_log_sd, self.weight)
        )


def _kernel(at: FloatArray, size: FloatArray, bandwidth: float) -> FloatArray:
    kernel: FloatArray = np.exp(-0.5 * ((at[:, None] - size[None, :]) / bandwidth) ** 2)
    return kernel


def _pulled(kernel: FloatArray, residual: FloatArray) -> FloatArray:
    """Mean residual under each row of weights, drawn to 0 where there are few."""
    pulled: FloatArray = kernel @ residual / (kernel.sum(axis=1) + _SHRINK)
    return pulled


def _judge(
    past: Alignment, prior: Prior, behind: NDArray[np.intp], ahead: NDArray[np.intp]
) -> FloatArray:
    """Log size, residual, predicted spread and weight of all runs at a moment, ``(4, n)``."""
    seconds = np.nan_to_num(past.added_s[:, ahead])
    actual = seconds.sum(axis=1)
    size = (seconds * np.nan_to_num(past.executors[:, ahead])).sum(axis=1)
    size = np.maximum(size / np.maximum(actual, SHORTEST_S), 1.0)
    there = ~np.isnan(past.added_s[:, ahead])
    clean = (there & past.clean[:, ahead]).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    weight = np.where(actual > 0, prior.recency * clean, 0.0)
    sizes, index = np.unique(np.rint(size), return_inverse=True)
    log_median = prior.shapes.at(sizes)[index.ravel()][:, ahead]
    log_median += prior.own_pull[:, ahead] + prior.residuals.hindsight(behind, ahead)
    covariance = prior.residuals.condition(behind, ahead, np.zeros(behind.size)).covariance
    total = sum_of(log_median, prior.share[ahead], covariance)
    residual = np.where(actual > 0, log_seconds(actual) - log_seconds(total.median_s), 0.0)
    return np.stack(
        [
            np.log(size),
            residual,
            np.maximum(total.log_sd, SMALLEST_LOG_SD),
            weight,
        ]
    )
