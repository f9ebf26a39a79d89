"""Forecast: the distribution of the remaining runtime for every candidate scale-out."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import ClassVar

from airflow_enel.domain.wire import STRICT

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Forecast:
    """Remaining seconds of a run per candidate scale-out, log-normal around the median.

    The three tuples have one entry per candidate, in ascending order of ``executors``.

    :param forecaster: the name of what made it
    :param executors: candidates
    :param median_s: medians, positive and finite
    :param log_sd: standard deviations of the logarithm, at least 0
    :param notes: what people should know of it, such as that the job's code has just changed
    :raises ValueError: if the tuples differ in length, are empty, or hold unusable numbers
    """

    __pydantic_config__: ClassVar = STRICT

    forecaster: str
    executors: tuple[int, ...]
    median_s: tuple[float, ...]
    log_sd: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.executors) == len(self.median_s) == len(self.log_sd) > 0:
            raise ValueError("a forecast needs one median and one spread per candidate")
        if list(self.executors) != sorted(set(self.executors)):
            raise ValueError("the candidates of a forecast must ascend")
        if not all(0 <= m < float("inf") for m in self.median_s):
            raise ValueError("the medians of a forecast must be finite and not negative")
        if not all(0 <= s < float("inf") for s in self.log_sd):
            raise ValueError("the spreads of a forecast must be finite and not negative")

    def median(self, executors: int) -> float:
        """Median seconds at a candidate."""
        return self.median_s[self.executors.index(executors)]

    def quantile(self, executors: int, probability: float) -> float:
        """Seconds that are not exceeded with a probability in (0, 1)."""
        index = self.executors.index(executors)
        return self.median_s[index] * exp(self.log_sd[index] * _NORMAL.inv_cdf(probability))

    def lateness(self, executors: int, left_s: float) -> float:
        """Expected seconds that the candidate needs beyond those that are left, at least 0."""
        index = self.executors.index(executors)
        median_s, log_sd = self.median_s[index], self.log_sd[index]
        if left_s <= 0 or median_s == 0 or log_sd == 0:
            mean_s = median_s * exp(log_sd**2 / 2)
            return max(mean_s - left_s, 0.0) if mean_s else 0.0
        z = (log(median_s) - log(left_s)) / log_sd
        beyond_s = median_s * exp(log_sd**2 / 2) * _NORMAL.cdf(z + log_sd)
        return max(beyond_s - left_s * _NORMAL.cdf(z), 0.0)

    def miss_probability(self, executors: int, left_s: float) -> float:
        """Probability that the candidate needs more than the seconds that are left."""
        index = self.executors.index(executors)
        median_s, log_sd = self.median_s[index], self.log_sd[index]
        if left_s <= 0:
            return 1.0 if median_s > 0 else 0.0
        if median_s == 0 or log_sd == 0:
            return float(median_s > left_s)
        return 1.0 - _NORMAL.cdf((log(left_s) - log(median_s)) / log_sd)
