"""Stochastic dynamic programme over (component, size, elapsed time), solved backward.

At each barrier the size may be kept, made smaller, which works at once, or larger. Growth lasts
until the executors are there: until then the present size goes on, over the ends of components,
and the new one works from then on to the end of the component that runs then. Valued earlier, a
plan would grow and cancel; valued without the spread of what it spans, growth would look safer
than staying.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from airflow_enel.control.planning.durations import POINTS, WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airflow_enel.control.planning.durations import Durations
    from airflow_enel.control.planning.prices import Prices
    from airflow_enel.domain import Plant

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

TIMES: Final = 80
"""Moments that are planned with."""
HORIZON: Final = 1.35
"""How far they go, in targets …"""
LEAST_HORIZON: Final = 0.35
"""… and at least so far from now."""

GROWTH_POINTS: Final = np.array([-1.2, 0.0, 1.65])
GROWTH_WEIGHTS: Final = np.array([0.25, 0.5, 0.25])
"""Points of a normal distribution for what a growth spans, and their weights."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Grid of ``B`` moments, in seconds from now; values beyond it go on in a straight line.

    :param step_s: between two of them
    :param count: B
    """

    step_s: float
    count: int

    @classmethod
    def of(cls, target_s: float, left_s: float, count: int = TIMES) -> Moments:
        """The grid of a run with so many seconds left until its target."""
        beyond_s = max(left_s + (HORIZON - 1) * target_s, LEAST_HORIZON * target_s)
        return cls(beyond_s / (count - 1), count)

    @property
    def end_s(self) -> float:
        """The last moment."""
        return self.step_s * (self.count - 1)

    def split(self, seconds: FloatArray) -> tuple[IndexArray, FloatArray, FloatArray]:
        """Whole steps, rest of a step 0…1, and seconds beyond the grid, of any shape."""
        inside = np.minimum(seconds, self.end_s)
        steps = inside / self.step_s
        whole = np.minimum(steps.astype(np.intp), self.count - 1)
        return whole, steps - whole, seconds - inside


class Programme:
    """Values and best next sizes of every state.

    :ivar values: expected price of all that follows, before component k, at a size, from a moment
        on, ``(m + 1, R, S, 2 B)``; the second half of the moments lies beyond the grid
    :ivar best: place of the best size, ``(m, R, S, B)``
    """

    def __init__(
        self,
        durations: Durations,
        plant: Plant,
        prices: Prices,
        left_s: float,
        tail_s: float,
        moments: Moments,
        *,
        can_grow: bool,
    ) -> None:
        self.can_grow = can_grow
        self.durations, self.plant, self.prices = durations, plant, prices
        self.moments, self.left_s, self.tail_s = moments, left_s, tail_s
        cases, components, sizes = durations.log_median.shape
        count = moments.count
        self.values: FloatArray = np.empty((components + 1, cases, sizes, 2 * count))
        self.best: IndexArray = np.empty((components, cases, sizes, count), dtype=np.intp)
        self._up, self._down = np.triu_indices(sizes, 1), np.tril_indices(sizes, -1)
        self._every = np.arange(sizes)
        ends_s: FloatArray = np.arange(2.0 * count) * moments.step_s + tail_s - left_s
        self.values[-1] = prices.of_end(ends_s)
        self.values[-1] += durations.sizes[:, None] * tail_s
        # From each moment on, as far as a component can last: no copy, what is solved shows there.
        self._later = sliding_window_view(self.values, count + 1, axis=-1)[..., :count, :]
        self._stays = _Stays.of(durations, prices, moments)
        self._growths = _Growths.of(durations, plant, prices, moments, self._up)
        self._solve()

    def value(
        self, component: IndexArray, case: IndexArray, size: IndexArray, at_s: FloatArray
    ) -> FloatArray:
        """Value before components at moments, all arrays of one shape."""
        whole, rest, beyond_s = self.moments.split(at_s)
        low, high = (self.values[component, case, size, whole + i] for i in (0, 1))
        found: FloatArray = low + rest * (high - low) + self.prices.late * beyond_s
        return found

    def best_next(
        self, component: int, case: IndexArray, size: IndexArray, at_s: FloatArray
    ) -> IndexArray:
        """Place of the best size before a component, arrays of one shape."""
        nearest = np.minimum(np.rint(at_s / self.moments.step_s), self.moments.count - 1)
        found: IndexArray = self.best[component, case, size, nearest.astype(np.intp)]
        return found

    def _solve(self) -> None:
        count = self.moments.count
        cases, components, sizes = self.durations.log_median.shape
        price = np.full((cases, sizes, sizes, count), np.inf)
        grows = self.durations.grows[:, None, None]
        later_s = np.arange(1, count + 1) * self.moments.step_s * self.prices.late
        for k in range(components - 1, -1, -1):
            stay = self._stays.value(k, self._later[k + 1])
            price[:, self._every, self._every] = stay
            if self.plant.can_shrink:
                price[:, self._down[0], self._down[1]] = self._shrinkage(stay) + self.prices.change
            if self.can_grow:
                grown = self._growths.value(k, self._later) + self.prices.change
                price[:, self._up[0], self._up[1]] = np.where(grows, grown, np.inf)
            self.best[k] = price.argmin(axis=2)
            value = price.min(axis=2)
            self.values[k, ..., :count] = value
            self.values[k, ..., count:] = value[..., -1:] + later_s

    def _shrinkage(self, stay: FloatArray) -> FloatArray:
        """Price of smaller sizes, which work at once, after a pause: ``(R, pairs, B)``."""
        sizes = self.durations.sizes
        pause_s = pause(self.plant.shrink_pause_s, sizes[self._down[0]] - sizes[self._down[1]])
        steps = pause_s / self.moments.step_s  # as a rule less than one
        slope = np.empty_like(stay)
        slope[..., :-1] = stay[..., 1:] - stay[..., :-1]
        slope[..., -1] = slope[..., -2]
        smaller = self._down[1]
        price: FloatArray = stay[:, smaller] + steps[:, None] * slope[:, smaller]
        return price + (sizes[smaller] * pause_s)[:, None]


@dataclass(frozen=True, slots=True)
class _Stays:
    """Components run at a constant size: for each the distribution of its steps.

    :param chance: of whole numbers of steps, ``(m, R, S, B + 1)``
    :param longest: largest number of steps of each component, ``(m,)``
    :param price: of the component itself, and of what it lasts beyond the grid, ``(m, R, S)``
    """

    chance: FloatArray
    longest: IndexArray
    price: FloatArray

    @classmethod
    def of(cls, durations: Durations, prices: Prices, moments: Moments) -> _Stays:
        seconds, weights = _points(durations)  # (P, R, m, S)
        weights = weights * durations.share[:, None]
        whole, rest, beyond_s = moments.split(seconds)
        _, cases, components, sizes = seconds.shape
        width = moments.count + 1
        row = np.arange(cases * components * sizes).reshape(cases, components, sizes) * width
        index = (row + whole).ravel()
        size = row.size * width
        chance: FloatArray = np.bincount(index, (weights * (1 - rest)).ravel(), size).astype(float)
        chance += np.bincount(index + 1, (weights * rest).ravel(), size)[:size]
        chance = chance.reshape(cases, components, sizes, width).transpose(1, 0, 2, 3)
        chance[..., 0] += (1 - durations.share)[:, None, None]
        own = durations.sizes * seconds + prices.late * beyond_s
        price = (weights * own).sum(axis=0).swapaxes(0, 1)
        price += (prices.miss * durations.untried)[:, None]
        longest = whole.max(axis=(0, 1, 3), initial=0) + 2
        return cls(np.ascontiguousarray(chance), longest, price)

    def value(self, component: int, later: FloatArray) -> FloatArray:
        """Price of a component and all that follows, at every size and moment: ``(R, S, B)``.

        :param later: values of what follows, from each moment on, ``(R, S, B, B + 1)``
        """
        longest = min(int(self.longest[component]), later.shape[-1])
        chance = self.chance[component, ..., :longest, None]
        found: FloatArray = (later[..., :longest] @ chance)[..., 0]
        return found + self.price[component, ..., None]


@dataclass(frozen=True, slots=True)
class _Growths:
    """Growths before each component for all pairs of sizes, at points ``Z`` of what they span.

    :param following: the component after the one in which they come, ``(m, R, Z, pairs)``
    :param larger: place of the larger size, ``(pairs,)``
    :param whole: steps until the end of that component, ``(m, R, Z, pairs)``
    :param rest: rest of a step, likewise
    :param price: until then, ``(m, R, pairs)``
    """

    following: IndexArray
    larger: IndexArray
    whole: IndexArray
    rest: FloatArray
    price: FloatArray

    @classmethod
    def of(
        cls,
        durations: Durations,
        plant: Plant,
        prices: Prices,
        moments: Moments,
        pairs: tuple[IndexArray, IndexArray],
    ) -> _Growths:
        smaller, larger = pairs
        sizes = durations.sizes
        seconds = durations.seconds(GROWTH_POINTS)
        seconds = (seconds + durations.expected_stalls(seconds)) * durations.share[:, None]
        seconds = seconds.transpose(2, 1, 0, 3)  # (m, R, Z, S)
        pause_s = pause(plant.grow_pause_s, sizes[larger] - sizes[smaller])
        wait_s = np.maximum(plant.start_delay_s - pause_s, 0.0)
        following, rest_s = _rest_after(seconds, smaller, larger, wait_s, plant.warm_up)
        lasts = np.isnan(rest_s)  # until the end of the run, before the executors come
        ends = _until_end(seconds)[..., smaller]
        until_s = pause_s + np.where(lasts, ends, wait_s + np.nan_to_num(rest_s))
        whole, rest, beyond_s = moments.split(until_s)
        spent = sizes[smaller] * np.where(lasts, until_s, pause_s + wait_s)
        own = spent + sizes[larger] * np.nan_to_num(rest_s) + prices.late * beyond_s
        price = (GROWTH_WEIGHTS[:, None] * own).sum(axis=2)
        return cls(following, larger, whole, rest, price)

    def value(self, component: int, later: FloatArray) -> FloatArray:
        """Price of the larger sizes from every smaller one: ``(R, pairs, B)``.

        :param later: values before each component, from each moment on,
            ``(m + 1, R, S, B, B + 1)``
        """
        case = np.arange(later.shape[1])[:, None, None]
        whole, rest = self.whole[component], self.rest[component]
        begun = later[self.following[component], case, self.larger, whole]  # (R, Z, pairs, B + 1)
        weight = GROWTH_WEIGHTS[:, None]
        price: FloatArray = np.einsum("rzp,rzpb->rpb", weight * (1 - rest), begun[..., :-1])
        price += np.einsum("rzp,rzpb->rpb", weight * rest, begun[..., 1:])
        price += self.price[component, ..., None]
        return price


def pause(of: tuple[float, float], moved: IndexArray) -> FloatArray:
    """Seconds for which a change by so many executors holds up the next component."""
    base_s, each_s = of
    seconds: FloatArray = base_s + each_s * moved.astype(np.float64)
    return seconds


def _points(durations: Durations) -> tuple[FloatArray, FloatArray]:
    """Seconds with stalls, ``(P, R, m, S)``, and the weight of each point, likewise."""
    seconds = durations.seconds(POINTS)
    weights: FloatArray = np.broadcast_to(WEIGHTS[:, None, None, None], seconds.shape)
    if not durations.loss_rate.any():
        return seconds, weights
    cases = np.arange(durations.loss_rate.size)[:, None, None]
    losses = durations.losses(seconds, cases)
    stalled = [seconds, seconds + losses.least_s, seconds + losses.most_s]
    some = weights * losses.chance
    return np.concatenate(stalled), np.concatenate([weights - some, some / 2, some / 2])


def _until_end(seconds: FloatArray) -> FloatArray:
    """Seconds of each component and all after it, ``(m, …)``."""
    return np.cumsum(seconds[::-1], axis=0)[::-1]


def _rest_after(
    seconds: FloatArray,
    smaller: IndexArray,
    larger: IndexArray,
    wait_s: FloatArray,
    warm_up: int,
) -> tuple[IndexArray, FloatArray]:
    """What follows when a wait from each component's start is over, and the time until then.

    :param seconds: ``(m, R, Z, S)``
    :param wait_s: ``(pairs,)``
    :param warm_up: see `Plant`
    :return: the first component that has the larger size from its start on, and the seconds from
        the end of the wait to its start, both ``(m, R, Z, pairs)``; the seconds are NaN if the run
        ends before the wait
    """
    components = len(seconds)
    before, after = seconds[..., smaller], seconds[..., larger]
    ends = np.cumsum(before, axis=0)
    begins = np.concatenate([np.zeros_like(ends[:1]), ends[:-1]])
    reached = np.stack([(ends <= begin + wait_s).sum(axis=0) for begin in begins])
    over = reached == components
    reached = np.minimum(reached, components - 1)
    done_s = begins + wait_s - np.take_along_axis(begins, reached, axis=0)
    whole_s = np.take_along_axis(before, reached, axis=0)
    left = 1 - np.clip(done_s / np.maximum(whole_s, 1e-9), 0.0, 1.0)
    rest_s = left * np.take_along_axis(before if warm_up else after, reached, axis=0)
    following = reached + 1
    for _ in range(1, warm_up):
        lasting = np.take_along_axis(before, np.minimum(following, components - 1), axis=0)
        rest_s += np.where(following < components, lasting, 0.0)
        following = np.minimum(following + 1, components)
    return following, np.where(over, np.nan, rest_s)
