"""Clairvoyant oracle: what a policy could reach that knows the chance of a run in advance.

A dynamic programme over (component, size, elapsed time) minimises executor-seconds plus the price
of missing the target. It knows the noise of every component, and when executors will be killed and
for how long that stalls the run; only the effect of the few executors that are missing until they
are replaced is left out. The simulated run then follows its decisions, so its figures come from
the same physics as those of every other policy.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.simulation.application import Barrier, Request, component_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airflow_enel.domain import Bounds
    from airflow_enel.simulation.job import JobDescription
    from airflow_enel.simulation.mode import Mode
    from airflow_enel.simulation.noise import RunNoise

    FloatArray = NDArray[np.float64]

SIZES: Final = (4, 6, 8, 11, 15, 19, 24, 30, 36)
TIMES: Final = 81
HORIZON: Final = 1.5
"""Grid of the programme: sizes, moments, and how far these go, in targets."""

MARGIN: Final = 0.01
"""Of the target, for what the grid rounds off."""

MISS_PRICE: Final = 8.0
LATENESS_PRICE: Final = 32.0
"""In the cost of the cheapest constant size in time; lateness of a whole target."""


class Oracle:
    """Controller of one run; plans when it is made.

    :param noise: what chance does to the run
    """

    def __init__(self, job: JobDescription, mode: Mode, noise: RunNoise, bounds: Bounds) -> None:
        self._job, self._mode, self._noise = job, mode, noise
        within = [s for s in SIZES if bounds.minimum < s < bounds.maximum]
        self._sizes = np.array(sorted({bounds.minimum, *within, bounds.maximum}), dtype=np.float64)
        self._up = np.triu_indices(self._sizes.size, 1)
        self._down = np.tril_indices(self._sizes.size, -1)
        self._target_s = job.target_s * (1 - MARGIN)
        self._times = np.linspace(0.0, HORIZON * job.target_s, TIMES)
        self._components = len(job.components())
        cached = [phase.cached for phase, _ in job.components()]
        # After the first of them has filled the executors that were there; one more is the end.
        later = np.cumsum(cached) > 0
        self._cold = np.array([*(later & cached & mode.cold_start), False])
        self._seconds = self._all_seconds()
        self._price = self._base_price()
        self._start_s = float(np.median(noise.start_delays_s))
        self._value = np.empty((self._components + 1, self._sizes.size, TIMES))
        self._plan()
        self._epoch = 0

    def initial_executors(self) -> int:
        """The size with the least expected price."""
        every = np.arange(self._sizes.size)
        start = self._constant(0, every, np.zeros((every.size, 1)))[:, 0]
        return int(self._sizes[int(start.argmin())])

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """The best size for the components to come, unless growth is on its way."""
        if not barrier.between or barrier.starting > 1:
            return None
        now = np.array([barrier.now - barrier.started_at])
        nearest = int(np.abs(self._sizes - barrier.requested).argmin())
        values = self._changes(barrier.next_component, now)[nearest, :, 0]
        self._epoch += 1
        return Request(int(self._sizes[int(values.argmin())]), self._epoch)

    def _plan(self) -> None:
        late_s = np.maximum(self._times - self._target_s, 0.0)
        lateness = LATENESS_PRICE / self._target_s * late_s
        self._value[-1] = self._price * (MISS_PRICE * (late_s > 0) + lateness)
        for number in range(self._components - 1, 0, -1):
            self._value[number] = self._changes(number, self._times).min(axis=1)

    def _changes(self, number: int, now: FloatArray) -> FloatArray:
        """Price of every size to come from every present one, shape ``(sizes, sizes, moments)``."""
        count = self._sizes.size
        price = np.full((count, count, now.size), inf)
        if self._mode.growth_gain == 1:  # else it is hardly ever worth its price
            price[self._up] = self._growth(number, now)
        if self._mode.releases:
            price[self._down] = self._shrinkage(number, now)
        every = np.arange(count)
        price[every, every] = self._constant(number, every, np.tile(now, (count, 1)))
        return price

    def _shrinkage(self, number: int, now: FloatArray) -> FloatArray:
        """Price of the smaller sizes: they work at once, after a pause."""
        present, smaller = self._down
        pause_s = self._pause(present, smaller)[:, None]
        return self._sizes[present, None] * pause_s + self._constant(number, smaller, now + pause_s)

    def _growth(self, number: int, now: FloatArray) -> FloatArray:
        """Price of the larger sizes: they work from the moment the executors are there.

        Until then the present size goes on, over the ends of components.
        """
        present, larger = self._up
        pause_s = self._pause(present, larger)
        wait_s = np.maximum(self._start_s - pause_s, 0.0)
        ends = np.cumsum(self._seconds[number:], axis=0)[:, present]
        reached = np.minimum((ends <= wait_s).sum(axis=0), ends.shape[0] - 1)
        done_before = np.where(reached > 0, ends[reached - 1, np.arange(present.size)], 0.0)
        last = number + reached
        share_left = 1 - np.clip((wait_s - done_before) / self._seconds[last, present], 0, 1)
        helped = np.where(self._cold[last], present, larger)
        rest_s = share_left * self._seconds[last, helped]
        # What comes next fills them, and does not profit yet.
        filling = self._cold[last] & self._cold[last + 1]
        following = last + 1 + filling
        rest_s += np.where(filling, self._seconds[following - 1, present], 0.0)
        begin = np.tile(now, (present.size, 1))
        arrived = begin + (pause_s + wait_s)[:, None]
        end = self._stalled(begin, arrived + rest_s[:, None])
        costs = self._sizes[present, None] * (arrived - begin)
        costs += self._sizes[larger, None] * (end - arrived)
        return costs + self._at(following, larger, end)

    def _pause(self, before: NDArray[np.intp], after: NDArray[np.intp]) -> FloatArray:
        moved = np.abs(self._sizes[before] - self._sizes[after])
        pause_s: FloatArray = self._mode.pause_s + self._mode.pause_per_executor_s * moved
        return pause_s

    def _constant(self, number: int, sizes: NDArray[np.intp], begin: FloatArray) -> FloatArray:
        """Price of a component and what follows, at sizes ``(n,)`` from moments ``(n, m)`` on."""
        end = self._stalled(begin, begin + self._seconds[number, sizes][:, None])
        following = np.full(sizes.size, number + 1)
        return self._sizes[sizes, None] * (end - begin) + self._at(following, sizes, end)

    def _at(self, numbers: NDArray[np.intp], sizes: NDArray[np.intp], at: FloatArray) -> FloatArray:
        """The value before components ``(n,)`` at sizes ``(n,)`` and moments ``(n, m)``."""
        step_s = self._times[1]
        place = np.clip(at / step_s, 0, TIMES - 1)
        low = np.minimum(place.astype(np.intp), TIMES - 2)
        share = place - low
        rows, columns = numbers[:, None], sizes[:, None]
        value = self._value[rows, columns, low] * (1 - share)
        value += self._value[rows, columns, low + 1] * share
        beyond_s = np.maximum(at - self._times[-1], 0.0)
        late: FloatArray = value + self._price * LATENESS_PRICE / self._target_s * beyond_s
        return late

    def _stalled(self, begin: FloatArray, end: FloatArray) -> FloatArray:
        """When work ends that executors' losses may stall."""
        for kill in self._noise.kills:
            if kill.at_s > self._times[-1]:
                break
            end = end + kill.stall_s * ((begin <= kill.at_s) & (kill.at_s < end))
        return end

    def _all_seconds(self) -> FloatArray:
        """Seconds of each component at each size, ``(components, sizes)``."""
        lost = self._mode.cache_lost_per_kill * sum(
            kill.at_s < self._job.target_s for kill in self._noise.kills
        )
        return np.array(
            [
                [
                    component_seconds(
                        phase, self._noise, number, self._job.executor_cores, s, max(s - lost, 0.0)
                    )
                    for s in self._sizes
                ]
                for number, (phase, _) in enumerate(self._job.components())
            ]
        )

    def _base_price(self) -> float:
        """Executor-seconds of the cheapest constant size in time, of the fastest if none is."""
        total_s = self._seconds.sum(axis=0)
        in_time = total_s <= self._job.target_s
        costs = np.where(in_time, self._sizes * total_s, inf)
        if not in_time.any():
            return float(self._sizes[total_s.argmin()] * total_s.min())
        return float(costs.min())
