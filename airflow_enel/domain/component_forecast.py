"""Component forecast: the distribution of every component still to come at every scale-out.

Planners of executors read it; `Forecast` sums it up for people and for simple policies.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain, pairwise
from math import isfinite
from typing import ClassVar

from airflow_enel.domain.wire import STRICT

_ROUNDED = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Plant:
    """What a change of the number of executors takes, and what it is good for.

    A pause holds up the next component. It is given as (base, per executor): moving n executors
    takes base + n · per executor seconds.

    :param start_delay_s: from a request for more executors until these take tasks
    :param grow_pause_s: pause of a growth
    :param shrink_pause_s: pause of a release
    :param can_shrink: False if executors that were asked to go have stayed
    :param growth_gain: share of what the curves promise in log seconds, 0…1, by which executors
        that come after the start speed components up; forecasts of a running application, which
        has grown or may grow, have it in them
    :param warm_up: components, from the one in which new executors come on, that run no faster
        yet, because these have neither cached data nor shuffle files
    :raises ValueError: if a time is not finite or negative
    """

    __pydantic_config__: ClassVar = STRICT

    start_delay_s: float
    grow_pause_s: tuple[float, float]
    shrink_pause_s: tuple[float, float]
    can_shrink: bool
    growth_gain: float = 1.0
    warm_up: int = 0

    def __post_init__(self) -> None:
        times = (self.start_delay_s, *self.grow_pause_s, *self.shrink_pause_s)
        if not all(0 <= t < float("inf") for t in times):
            raise ValueError("the times of a plant must be finite and not negative")
        if not 0 <= self.growth_gain <= 1:
            raise ValueError("growth_gain is a share, 0 to 1")


@dataclass(frozen=True, slots=True)
class FailureRegime:
    """How likely executors are lost in the rest of this run, and what a loss costs.

    :param failing: probability that this run is in a failing phase; outside of one none is lost
    :param loss_rate: losses per second in a failing phase
    :param stall_s: mean seconds for which a loss stalls the running component
    :param stall_square: mean of their squares, s²
    :param capacity_lost: executors less that a size is worth after each loss, for the rest of the
        run, although lost ones are replaced: such as the memory for their cached data
    :raises ValueError: if one is not finite or negative, ``failing`` above 1, or the mean square
        below the square of the mean
    """

    __pydantic_config__: ClassVar = STRICT

    failing: float
    loss_rate: float
    stall_s: float
    stall_square: float
    capacity_lost: float

    def __post_init__(self) -> None:
        if not all(0 <= getattr(self, f.name) < float("inf") for f in fields(self)):
            raise ValueError("what is known of failures must be finite and not negative")
        if self.failing > 1:
            raise ValueError("failing is a probability, at most 1")
        if self.stall_square < self.stall_s**2 * _ROUNDED:
            raise ValueError("stall_square must not be below the square of stall_s")


@dataclass(frozen=True, slots=True)
class ComponentForecast:
    """Components still to come: ``m`` of them at ``c`` scale-outs, given the finished ones.

    They are in the order in which they are expected, the running one first. Without a correlation
    ``log_sd`` is so wide that a planner may take them as independent.

    :param executors: scale-outs, ascending: the candidates, and the present one
    :param log_median: log of the median seconds of each as a whole, if it runs at that scale-out
        from its start to its end, ``(m, c)``
    :param log_sd: standard deviation of the log seconds, ``(m, c)``
    :param share: probability that each comes, ``(m,)``; otherwise it takes no time
    :param spent_s: seconds that the running one has taken already, 0 if none runs
    :param tail_s: seconds from the last finish to the end of the application
    :param fewest_executors: with which each has run in past runs, ``(m,)``; empty if these are
        enough to believe their curves at any size
    :param explored: finished components of this run that had fewer executors than in past runs
    :param overrun: how many times as long as expected before the start at its size each of the
        two components that finished last took at least; a usual stall is added to what it took
        and to what was expected; 0 if fewer have finished
    :param correlation: of all components with each other at each scale-out, 0…1, ``(c,)``; empty
        if they can be taken as independent
    :raises ValueError: if shapes differ, scale-outs do not ascend, or numbers are unusable
    """

    __pydantic_config__: ClassVar = STRICT

    executors: tuple[int, ...]
    log_median: tuple[tuple[float, ...], ...]
    log_sd: tuple[tuple[float, ...], ...]
    share: tuple[float, ...]
    spent_s: float
    tail_s: float
    failures: FailureRegime
    plant: Plant
    fewest_executors: tuple[int, ...] = ()
    explored: int = 0
    overrun: float = 0.0
    correlation: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self._check_shapes()
        if not all(map(isfinite, chain.from_iterable(self.log_median))):
            raise ValueError("the medians of a component forecast must be finite")
        if not all(0 <= sd < float("inf") for sd in chain.from_iterable(self.log_sd)):
            raise ValueError("spreads of a component forecast must be finite and not negative")
        if not all(0 < share <= 1 for share in self.share):
            raise ValueError("the shares of a component forecast must lie above 0, up to 1")
        if not all(0 <= t < float("inf") for t in (self.spent_s, self.tail_s, self.overrun)):
            raise ValueError("spent_s, tail_s and overrun must be finite and not negative")
        if not all(0 <= correlation <= 1 for correlation in self.correlation):
            raise ValueError("the correlation of components must lie between 0 and 1")
        if self.spent_s and not self.share:
            raise ValueError("without a component there is none that has taken time")

    def _check_shapes(self) -> None:
        if not self.executors or self.executors[0] < 1:
            raise ValueError("a component forecast needs scale-outs of at least 1")
        if any(after <= before for before, after in pairwise(self.executors)):
            raise ValueError("the scale-outs of a component forecast must ascend")
        if not len(self.log_median) == len(self.log_sd) == len(self.share):
            raise ValueError("a component forecast needs median, spread and share per component")
        width = len(self.executors)
        if any(len(row) != width for row in chain(self.log_median, self.log_sd)):
            raise ValueError("a component forecast needs a median and a spread per scale-out")
        if len(self.correlation) not in (0, width):
            raise ValueError("a component forecast needs a correlation per scale-out or none")
        if len(self.fewest_executors) not in (0, len(self.share)):
            raise ValueError("a component forecast needs the fewest executors of each or of none")
