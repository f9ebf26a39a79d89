"""Calibrates median and spread of forecasts by leave-one-out errors of past runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.cells import CLIP
from airflow_enel.predict.gaussian.leave_one_out import ForecastErrors, LeaveOneOut
from airflow_enel.predict.gaussian.residuals import CURVE_PARAMETERS, SMALLEST_LOG_SD
from airflow_enel.predict.spread import CEILING, FLOOR, UNKNOWN, robust_log_sd

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.gaussian.prior import Prior
    from airflow_enel.predict.samples import FloatArray

MOMENTS: Final = 8
"""Moments of every past run at which it is forecast by the other runs."""

BANDWIDTHS: Final = (0.1, 0.2, 0.4, np.inf)
"""Of log executors: how alike sizes must be for the same shift; infinite for one shift of all."""

_FARTHEST = 1.0  # a run that was off by more than a factor of 2.7 shifts no more than one by that
_SHRINK = 1.0  # a shift needs as many runs nearby to be half believed


@dataclass(frozen=True, slots=True)
class Calibration:
    """Leave-one-out errors of past runs at ``q`` moments.

    A run in which executors have come or gone is compared with past runs like it: they lose
    executors again, and more than its finished components tell.

    :param left: expected part of the runtime that is left at each moment, descending, ``(q,)``
    :param undisturbed: runs, recent ones more, those disturbed later on less
    :param disturbed: runs that had been disturbed before the moment
    """

    left: FloatArray
    undisturbed: ForecastErrors
    disturbed: ForecastErrors

    @classmethod
    def of(cls, past: Alignment, prior: Prior, typical_s: FloatArray) -> Self:
        """Forecast past runs, each by the others.

        :param typical_s: seconds to be expected of each component at the start, ``(m,)``
        """
        order = past.order
        ahead = np.cumsum(typical_s[order][::-1])[::-1]
        ahead /= ahead[0]
        cuts = np.unique(
            [np.flatnonzero(ahead >= part)[-1] for part in np.arange(1, MOMENTS + 1) / MOMENTS]
        )
        leave_one_out = LeaveOneOut(past, prior)
        undisturbed, disturbed = zip(
            *(leave_one_out.at(order[:cut], order[cut:]) for cut in cuts), strict=True
        )
        return cls(
            ahead[cuts],
            ForecastErrors.at_moments(undisturbed),
            ForecastErrors.at_moments(disturbed),
        )

    def at(
        self, left: float, executors: FloatArray, log_sd: FloatArray, disturbed: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Shift of the log median and calibrated spread.

        :param left: expected part of the runtime that is left
        :param executors: candidates, ``(c,)``
        :param log_sd: what the model thinks of its error there, ``(c,)``
        :param disturbed: whether executors have come or gone in the run
        :return: shift and log standard deviation, ``(c,)`` each; not shifted and
            :data:`~airflow_enel.predict.spread.UNKNOWN` without a judged run
        """
        if (
            self.undisturbed.residual.shape[0] == 1
        ):  # there are no others that could say anything of it
            return np.zeros(executors.size), np.full(executors.size, UNKNOWN)
        place = float(np.interp(-left, -self.left, np.arange(self.left.size)))
        undisturbed = self.undisturbed.at(place)
        if not (undisturbed.weight > 0).any():  # nothing but disturbed runs: better than nothing
            undisturbed = replace(undisturbed, weight=np.ones(undisturbed.weight.size))
        undisturbed = undisturbed.with_weight()
        shifts, off = _Shifts.of(undisturbed)
        typical = float(np.median(undisturbed.predicted_log_sd))
        sizes = np.unique(np.rint(np.exp(undisturbed.log_size))).size
        spread = _conservative_spread(
            off * typical / undisturbed.predicted_log_sd, min(sizes, CURVE_PARAMETERS)
        )
        shift = shifts.at(np.log(executors))
        if disturbed:
            # Nearest, because a run may have been disturbed between two moments.
            like = self.disturbed.at(round(place)).with_weight()
            excess = _clipped(like.residual - shifts.at(like.log_size))
            mean = float(_shrunk_shift(like.weight[None, :], excess)[0])
            shift = shift + mean
            spread = max(spread, _conservative_spread(excess - mean))
        log_sd = np.maximum(log_sd, SMALLEST_LOG_SD)  # as in leave_one_out
        return shift, np.clip(log_sd * spread / typical, FLOOR, CEILING)


@dataclass(frozen=True, slots=True)
class _Shifts:
    """Shift by the residuals of judged runs ``(k,)`` of like size."""

    judged: ForecastErrors
    limited: FloatArray
    bandwidth: float

    @classmethod
    def of(cls, judged: ForecastErrors) -> tuple[Self, FloatArray]:
        """With the bandwidth that fits best, and how far that leaves each run off ``(k,)``."""
        limited, size, weight = _clipped(judged.residual), judged.log_size, judged.weight
        # Each run against the shift that the others suggest: its own would flatter it.
        others = weight * (1 - np.eye(size.size))
        off = [
            judged.residual - _shrunk_shift(_kernel(size, size, bandwidth) * others, limited)
            for bandwidth in BANDWIDTHS
        ]
        best = int(np.argmin([np.average(np.abs(o), weights=weight) for o in off]))
        return cls(judged, limited, BANDWIDTHS[best]), off[best]

    def at(self, log_size: FloatArray) -> FloatArray:
        """Shift of the log median at sizes ``(c,)``."""
        kernel = _kernel(log_size, self.judged.log_size, self.bandwidth)
        return _shrunk_shift(kernel * self.judged.weight, self.limited)


def _clipped(residual: FloatArray) -> FloatArray:
    """Residuals without what lies far outside the others."""
    reach = CLIP * robust_log_sd(residual)
    return np.clip(residual, -reach, reach)


def _conservative_spread(off: FloatArray, fitted: int = 0) -> float:
    """Their spread, as if there were one more of which nothing is known: few are no proof.

    :param fitted: parameters of a curve that was fitted to the same runs, and has taken its part
    """
    free = max(off.size - fitted, 0)
    return float(np.sqrt((off.size * robust_log_sd(off) ** 2 + UNKNOWN**2) / (free + 1)))


def _kernel(at: FloatArray, log_size: FloatArray, bandwidth: float) -> FloatArray:
    kernel: FloatArray = np.exp(-0.5 * ((at[:, None] - log_size[None, :]) / bandwidth) ** 2)
    return kernel


def _shrunk_shift(kernel: FloatArray, residual: FloatArray) -> FloatArray:
    """Shift under each row of weights that leaves no mean *relative* error; drawn to 0.

    ``E[predicted / actual] = E[exp(−residual)]``, so it lies below their mean, for normal ones
    by half their variance: 1 % where forecasts are 15 % off.
    """
    relative = np.expm1(-np.clip(residual, -_FARTHEST, _FARTHEST))
    shift: FloatArray = -np.log1p(kernel @ relative / (kernel.sum(axis=1) + _SHRINK))
    return shift
