"""What no forecast can tell before a run goes on: whether it fails, and what it has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.domain import ComponentForecast

    FloatArray = NDArray[np.float64]

COMMON_POINTS: Final = (-(3**0.5), 0.0, 3**0.5)
COMMON_WEIGHTS: Final = (1 / 6, 2 / 3, 1 / 6)
"""Points of a normal distribution for what all components have in common, and their weights:
Gauss-Hermite quadrature of third order."""

NO_GROWTH: Final = 0.001
"""Probability that a cluster has no executors when a run asks for more: a plan that needs them only
in order to be a little cheaper is not worth that risk."""

_UNLIKELY: Final = 0.02


@dataclass(frozen=True, slots=True)
class Cases:
    """Without or with losses of executors, and slower or faster as a whole; ``(R,)`` each.

    And one in which no executors come that are asked for later.

    :param factor: by how many standard deviations of what they have in common all components are
        slower than expected
    :param loss_rate: losses per second
    :param grows: False if executors that are asked for do not come
    """

    probability: FloatArray
    factor: FloatArray
    loss_rate: FloatArray
    grows: NDArray[np.bool_]

    @classmethod
    def of(cls, forecast: ComponentForecast) -> Self:
        """As few as say what the forecast says."""
        failures = forecast.failures
        failing = failures.failing if failures.loss_rate > 0 else 0.0
        failing = 0.0 if failing < _UNLIKELY else 1.0 if failing > 1 - _UNLIKELY else failing
        losses = [(1 - failing, 0.0), (failing, failures.loss_rate)]
        together = max(forecast.correlation, default=0.0) > 0
        factors = zip(COMMON_WEIGHTS, COMMON_POINTS, strict=True) if together else [(1.0, 0.0)]
        likely = 1 - NO_GROWTH
        cases = [(likely * p * q, z, rate) for q, z in factors for p, rate in losses if p > 0]
        usual_rate = max(losses)[1]
        probability, factor, rate = np.array([*cases, (NO_GROWTH, 0.0, usual_rate)]).T
        return cls(probability, factor, rate, np.arange(rate.size) < rate.size - 1)


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of executors in components, of any one shape: none, or some.

    Stalls by some have the mean and the variance of a compound Poisson variable, at two points.

    :param chance: that there are some
    :param least_s: shorter stall
    :param most_s: longer stall, as likely
    """

    chance: FloatArray
    least_s: FloatArray
    most_s: FloatArray

    @classmethod
    def of(cls, expected: FloatArray, stall_s: float, stall_square: float) -> Self:
        """Of so many expected losses, each with a stall of this mean and mean square."""
        some = -np.expm1(-expected)
        mean_s = expected * stall_s
        square = expected * stall_square + mean_s**2
        usual_s = mean_s / np.maximum(some, 1e-12)
        sd_s = np.sqrt(np.maximum(square / np.maximum(some, 1e-12) - usual_s**2, 0.0))
        sd_s = np.minimum(sd_s, usual_s)
        return cls(some, usual_s - sd_s, usual_s + sd_s)

    def stalls(self, chance: FloatArray) -> FloatArray:
        """Stalls at uniform numbers 0…1, of a shape that fits."""
        long_s = np.where(chance < self.chance / 2, self.most_s, self.least_s)
        stalls: FloatArray = np.where(chance < self.chance, long_s, 0.0)
        return stalls
