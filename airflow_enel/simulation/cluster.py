"""Executors of a simulated application: asked for, started, released and killed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_enel.simulation import spark_events as events

if TYPE_CHECKING:
    from airflow_enel.simulation.job import JobDescription
    from airflow_enel.simulation.mode import Mode
    from airflow_enel.simulation.noise import RunNoise


class Cluster:
    """The executors of one application, by a clock that its caller holds.

    A request below the number that is there or on its way cancels what has not started yet first,
    then releases the newest. What was killed is replaced.

    :param post: takes Spark's events
    :ivar requested: the number last asked for
    :ivar warm: executors that hold cached data and shuffle files
    """

    def __init__(
        self,
        job: JobDescription,
        mode: Mode,
        noise: RunNoise,
        post: Callable[[events.Event], None],
    ) -> None:
        self._cores, self._mode, self._noise, self._post = job.executor_cores, mode, noise, post
        self._alive: list[int] = []
        self._starting: list[float] = []
        self._removals: list[tuple[float, int]] = []
        self._next_id = self._asked = self._growths = self._kills = 0
        self._initial = 0
        self.requested = 0
        self.warm = 0

    @property
    def executors(self) -> int:
        """Those that take tasks."""
        return len(self._alive)

    @property
    def starting(self) -> int:
        """Those that were asked for and are not there yet."""
        return len(self._starting)

    @property
    def effective(self) -> float:
        """Executors as far as they speed up work; later ones may be worth less than a whole."""
        extra = max(self.executors - self._initial, 0)
        return self.executors - (1 - self._mode.growth_gain) * extra

    @property
    def cache_executors(self) -> float:
        """Executors' worth of room for cached data that is in use."""
        room = self.warm if self._mode.cold_start else self.executors
        return max(room - self._mode.cache_lost_per_kill * self._kills, 0.0)

    @property
    def next_start_at(self) -> float | None:
        """When the next executor will be there, in whole milliseconds."""
        return self._starting[0] if self._starting else None

    def launch(self, executors: int, at: float) -> None:
        """Start with so many executors at once, empty."""
        self._initial = self.requested = executors
        for _ in range(executors):
            self._add(at)

    def request(self, executors: int, at: float) -> float:
        """Ask for a number of executors.

        :return: seconds for which the change holds up the next component
        """
        before = self.executors + self.starting
        self.requested = executors
        if executors > before:
            self._start(executors - before, at)
            return self._pause(executors - before) + self._reshuffle()
        cancelled = min(before - executors, self.starting)
        self._starting = sorted(self._starting)[: self.starting - cancelled]
        surplus = self.executors - executors
        if surplus <= 0 or not self._mode.releases:
            return 0.0
        pause_s = self._pause(surplus)
        for _ in range(surplus):
            self._release(at, at + pause_s)
        return pause_s

    def advance(self, now: float) -> None:
        """Let those start and leave whose time has come."""
        while self._starting and self._starting[0] <= now:
            self._add(heapq.heappop(self._starting))
        while self._removals and self._removals[0][0] <= now:
            at, executor = heapq.heappop(self._removals)
            self._post(events.executor_removed(executor, "Executor decommission finished", at))

    def kill(self, victim: float, at: float) -> bool:
        """Kill an executor, and ask for another in its place.

        :param victim: which, as a share of those that are there
        :return: False if there is none
        """
        if not self._alive:
            return False
        executor = self._alive.pop(int(victim * len(self._alive)))
        self._post(events.executor_removed(executor, "Command exited with code 137", at))
        self._kills += 1
        self.warm = min(self.warm, self.executors)
        if self.executors + self.starting < self.requested:
            self._start(1, at)
        return True

    def warm_up(self, executors: int) -> None:
        """Those that have been there for a whole component hold cached data."""
        self.warm = min(max(self.warm, executors), self.executors)

    def _start(self, count: int, at: float) -> None:
        delays = self._noise.start_delays_s
        for _ in range(count):
            delay_s = delays[self._asked % len(delays)]
            heapq.heappush(self._starting, round(at + delay_s, 3))
            self._asked += 1

    def _add(self, at: float) -> None:
        self._alive.append(self._next_id)
        self._post(events.executor_added(self._next_id, self._cores, at))
        self._next_id += 1

    def _release(self, at: float, gone_at: float) -> None:
        executor = self._alive.pop()
        self._post(events.executor_draining(executor, at))
        heapq.heappush(self._removals, (round(gone_at, 3), executor))
        self.warm = min(self.warm, self.executors)

    def _pause(self, moved: int) -> float:
        return self._mode.pause_s + self._mode.pause_per_executor_s * moved

    def _reshuffle(self) -> float:
        if not self._mode.reshuffles:
            return 0.0
        costs = self._noise.reshuffle_s
        self._growths += 1
        return costs[(self._growths - 1) % len(costs)]
