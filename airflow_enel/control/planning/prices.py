"""Prices of missing a target, in executor-seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.control.risk import DEFAULT_RISK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airflow_enel.domain import ComponentForecast

MISS_PRICE: Final = 8.0
LATENESS_PRICE: Final = 32.0
"""In the cost of the cheapest constant size in time, at the default risk; the latter of a whole
target."""

LEAST_GAIN_S: Final = 30.0
"""Executor-seconds that a change must gain, …"""
SMALL_JOB: Final = 0.05
"""… but no more than this share of the cost of the cheapest constant size in time."""

_SMOOTH: Final = 0.01
"""Of the target: how soon before and after it a miss counts half."""
_LATENESS_ONLY: Final = 1000.0
_LARGEST_EXPONENT: Final = 500.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What it costs to end so many seconds after the target.

    :param target_s: of the whole run
    :param miss: executor-seconds that a missed target is worth
    :param late: executor-seconds per second of lateness
    :param change: executor-seconds that a change of size must gain, so that plans that cost the
        same do not count on executors that are still to come
    """

    target_s: float
    miss: float
    late: float
    change: float = 0.0

    @classmethod
    def of(cls, at_start: ComponentForecast, target_s: float, risk: float = DEFAULT_RISK) -> Prices:
        """Prices for a run.

        They are in proportion to the cheapest constant size that is expected to be in time, or to
        the fastest if none is, so that they mean the same for small and large jobs.

        :param at_start: forecast before the start, so that prices stay the same all along a run
        :param risk: half of it doubles the prices
        """
        cost = cheapest_in_time(at_start, target_s)
        base = cost * DEFAULT_RISK / risk
        late = LATENESS_PRICE * base / target_s
        return cls(target_s, MISS_PRICE * base, late, min(LEAST_GAIN_S, SMALL_JOB * cost))

    def lateness_only(self) -> Prices:
        """Prices for a run that cannot be in time: executors count only between equals."""
        return replace(self, miss=0.0, late=self.late * _LATENESS_ONLY)

    def of_end(self, late_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Price of ends, in seconds after the target, of any shape."""
        steps = np.clip(late_s / (_SMOOTH * self.target_s), -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
        price: NDArray[np.float64] = self.miss / (1.0 + np.exp(-steps))
        return price + self.late * np.maximum(late_s, 0.0)


def cheapest_in_time(forecast: ComponentForecast, target_s: float) -> float:
    """Executor-seconds of the cheapest constant size expected in time, else of the fastest."""
    total_s = expected_total_s(forecast)
    costs = np.array(forecast.executors) * total_s
    in_time = total_s <= target_s
    return float(costs[in_time].min() if in_time.any() else costs[total_s.argmin()])


def expected_total_s(forecast: ComponentForecast) -> NDArray[np.float64]:
    """Mean seconds of all components and of what follows them, at each constant size ``(c,)``."""
    if not forecast.share:
        return np.full(len(forecast.executors), forecast.tail_s)
    mean_s = np.exp(np.array(forecast.log_median) + np.square(forecast.log_sd) / 2)
    total: NDArray[np.float64] = np.array(forecast.share) @ mean_s + forecast.tail_s
    return total
