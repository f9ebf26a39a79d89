"""Durations of the components to come, at the sizes that are planned with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.control.planning.cases import Cases, Losses

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from airflow_enel.domain import ComponentForecast, FailureRegime

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

SIZES: Final = 9
"""Sizes that are planned with, besides those that must be among them."""
POINTS: Final = np.array([-2.05, -1.28, -0.67, 0.0, 0.67, 1.28, 2.05])
WEIGHTS: Final = np.array([0.05, 0.125, 0.2, 0.25, 0.2, 0.125, 0.05])
"""Quantile points of a normal distribution, and their weights."""

_CLIFFS: Final = 2
_STEEP: Final = 1.25  # ratio of totals at neighbouring sizes that makes a cliff
_SMALLEST_EXECUTORS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Durations:
    """Components in their order at ``S`` sizes, in ``R`` cases.

    A case is without or with losses of executors, and slower or faster as a whole if the components
    go together.

    :param sizes: ascending, ``(S,)``
    :param probability: of each case, ``(R,)``
    :param log_median: log seconds without stalls, ``(R, m, S)``
    :param log_sd: within a case, ``(m, S)``
    :param share: probability that each comes, ``(m,)``
    :param untried: True at sizes so far below those that a component has run with that it may be
        far slower than its curve says, ``(m, S)``
    :param loss_rate: losses per second, ``(R,)``
    :param grows: False where executors that are asked for do not come, ``(R,)``
    :param stall_s: seconds that a loss takes
    :param stall_square: mean of their squares
    """

    sizes: NDArray[np.intp]
    probability: FloatArray
    log_median: FloatArray
    log_sd: FloatArray
    share: FloatArray
    untried: NDArray[np.bool_]
    loss_rate: FloatArray
    grows: NDArray[np.bool_]
    stall_s: float
    stall_square: float

    @classmethod
    def of(
        cls,
        forecast: ComponentForecast,
        needed: Collection[int],
        lost: int,
        count: int = SIZES,
    ) -> Durations:
        """Pick sizes, and split the forecast into cases.

        :param needed: sizes that must be among them
        :param lost: executors that the run has lost so far
        :param count: of sizes besides those
        """
        executors = np.array(forecast.executors)
        log_median = np.array(forecast.log_median).reshape(-1, executors.size)
        share = np.array(forecast.share)
        fewest = forecast.fewest_executors or (1,) * len(share)
        sizes = _sizes(executors, share @ np.exp(log_median), needed, count)
        columns = np.searchsorted(executors, sizes)
        cases = Cases.of(forecast)
        factor, rate = cases.factor, cases.loss_rate
        log_sd = np.array(forecast.log_sd).reshape(-1, executors.size)[:, columns]
        correlation = np.array(forecast.correlation or (0.0,) * executors.size)[columns]
        at_size = {
            of: _with_lost_capacity(log_median, executors, sizes, forecast.failures, lost, of)
            for of in set(rate.tolist())
        }
        log_common = np.sqrt(correlation) * log_sd
        return cls(
            sizes=sizes,
            probability=cases.probability,
            log_median=np.stack(
                [at_size[of] + z * log_common for z, of in zip(factor, rate, strict=True)]
            ),
            log_sd=np.sqrt(1 - correlation) * log_sd,
            share=share,
            untried=sizes < np.array([smallest_to_try(f) for f in fewest])[:, None],
            loss_rate=rate,
            grows=cases.grows,
            stall_s=forecast.failures.stall_s,
            stall_square=forecast.failures.stall_square,
        )

    def index(self, size: int) -> int:
        """Place of a size."""
        return int(np.searchsorted(self.sizes, size))

    def seconds(self, z: FloatArray) -> FloatArray:
        """Seconds of components that come, without stalls, ``(Z, R, m, S)``.

        :param z: points of all of them, ``(Z,)``, or of each, ``(Z, m)``
        """
        each = z.reshape(len(z), 1, -1, 1)
        seconds: FloatArray = np.exp(self.log_median + each * self.log_sd)
        return seconds

    def losses(self, seconds: FloatArray, case: int | IndexArray) -> Losses:
        """How losses stall components of so many seconds in a case, or in a case each."""
        expected = self.loss_rate[case] * seconds
        return Losses.of(expected, self.stall_s, self.stall_square)

    def expected_stalls(self, seconds: FloatArray) -> FloatArray:
        """Mean seconds for which losses stall components of so many, ``(…, R, m, S)``."""
        return seconds * (self.loss_rate * self.stall_s)[:, None, None]


def smallest_to_try(fewest: int) -> int:
    """The smallest size that a component is planned with that has not run with fewer executors.

    What holds less than half of the cached data can be slower by far than work that divides.
    """
    return (fewest + 1) // 2


def _sizes(
    executors: NDArray[np.intp], total_s: FloatArray, needed: Collection[int], count: int
) -> NDArray[np.intp]:
    """Sizes in equal ratios, those just above a cliff, and needed ones."""
    if executors.size <= count:
        return executors
    ideal = np.geomspace(executors[0], executors[-1], count)
    places = {int(np.abs(executors - size).argmin()) for size in ideal}
    steps = total_s[:-1] / np.maximum(total_s[1:], 1e-9)
    steepest = np.argsort(-steps, kind="stable")[:_CLIFFS]
    places |= {int(step) + 1 for step in steepest if steps[step] > _STEEP}
    places |= {int(np.searchsorted(executors, size)) for size in needed}
    return executors[sorted(places)]


def _with_lost_capacity(
    log_median: FloatArray,
    executors: NDArray[np.intp],
    sizes: NDArray[np.intp],
    failures: FailureRegime,
    lost: int,
    loss_rate: float,
) -> FloatArray:
    """Log medians at sizes that are worth less after losses, seen and expected, ``(m, S)``."""
    at_size = log_median[:, np.searchsorted(executors, sizes)]
    if not failures.capacity_lost or not (lost or loss_rate):
        return at_size
    seconds = np.exp(at_size)
    begins_s = np.cumsum(seconds, axis=0) - seconds / 2
    worth = sizes - failures.capacity_lost * (lost + loss_rate * begins_s)
    worth = np.maximum(worth, _SMALLEST_EXECUTORS)
    found = [
        np.interp(np.log(of), np.log(executors), row)
        for of, row in zip(worth, log_median, strict=True)
    ]
    # Below the smallest size that the forecast knows: as if work were perfectly parallel.
    beyond = np.maximum(np.log(executors[0] / worth), 0.0)
    slower: FloatArray = np.array(found) + beyond
    return slower
