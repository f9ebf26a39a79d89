"""One simulated run of an application: components, barriers and executors by a virtual clock.

The clock is in whole milliseconds, as Spark's events are, so that what is read from the events is
exactly what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from airflow_enel.domain import Snapshot
from airflow_enel.simulation import spark_events as events
from airflow_enel.simulation import stages
from airflow_enel.simulation.cluster import Cluster
from airflow_enel.spark.reducer import EventReducer

if TYPE_CHECKING:
    from airflow_enel.simulation.job import JobDescription, Phase
    from airflow_enel.simulation.mode import Mode
    from airflow_enel.simulation.noise import RunNoise

LONGEST_RUN_S: Final = 86_400.0
"""A run that would take longer is an error in the description of the job."""

_MS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Barrier:
    """What a controller may look at when a component has ended or an executor was lost.

    :param now: seconds by the driver's clock
    :param next_component: number of the one that runs or comes next
    :param next_tasks: how many tasks its first stage has
    :param between: True between two components, False within one
    """

    now: float
    started_at: float
    next_component: int
    next_tasks: int
    executors: int
    starting: int
    requested: int
    between: bool
    reducer: EventReducer

    def snapshot(self) -> Snapshot:
        """The application as its events show it."""
        return self.reducer.snapshot(self.now)


@dataclass(frozen=True, slots=True)
class Request:
    """Executors that a controller asks for; the epoch is that of its decision."""

    executors: int
    epoch: int


class Controller(Protocol):
    """What sizes a simulated application."""

    def initial_executors(self) -> int:
        """The number to start with."""

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """What to ask for; None for nothing."""


class Application:
    """One run of a job.

    :param started_at: seconds since the epoch, in whole milliseconds
    :ivar events: Spark's, as far as it has run
    """

    def __init__(
        self,
        job: JobDescription,
        mode: Mode,
        noise: RunNoise,
        *,
        app_id: str,
        started_at: float,
    ) -> None:
        self._job, self._mode, self._noise = job, mode, noise
        self._app_id, self._started_at = app_id, started_at
        self._reducer = EventReducer()
        self.events: list[events.Event] = []
        self._cluster = Cluster(job, mode, noise, self._post)
        self._components = job.components()
        self._now = started_at
        self._held_up_s = 0.0  # before the next component
        self._stalled_until = started_at
        self._next_kill = 0
        self._next_stage = 0
        self._cache_filled = False

    def run(self, controller: Controller) -> Snapshot:
        """Run to the end.

        :raises ValueError: if it takes longer than `LONGEST_RUN_S`
        """
        self._start(controller.initial_executors())
        for number in range(len(self._components)):
            self._component(number, controller)
            if number + 1 < len(self._components):
                self._ask(controller, number + 1, between=True)
        self._cluster.advance(self._now)
        self._post(events.application_end(self._now))
        return self._reducer.snapshot(self._now)

    def _start(self, executors: int) -> None:
        self._post(events.log_start())
        self._post(events.environment(self._properties(executors)))
        self._post(events.application_start(self._app_id, self._job.name, self._started_at))
        self._cluster.launch(executors, self._started_at)

    def _properties(self, executors: int) -> dict[str, str]:
        input_mib = round(self._job.input_mib * self._noise.input_factor)
        return {
            "spark.app.name": self._job.name,
            "spark.master": "k8s://simulation",
            "spark.executor.cores": str(self._job.executor_cores),
            "spark.enel.initialExecutors": str(executors),
            "spark.enel.context.input_mib": str(input_mib),
        }

    def _component(self, number: int, controller: Controller) -> None:
        """Run one component; executors come, go and are killed meanwhile."""
        self._wait(_rounded(self._now + self._held_up_s), controller, number)
        phase, _ = self._components[number]
        started_at, there = self._now, self._cluster.executors
        tasks = stages.task_count(phase, self._job, there)
        infos = stages.infos(self._next_stage, phase, tasks)
        self._next_stage += len(infos)
        self._post(events.job_start(number, infos, started_at))
        self._post(events.stage_submitted(infos[0], started_at))
        if phase.cached and not self._cache_filled:
            self._cluster.warm_up(there)  # what was loaded before is cached where it was loaded
            self._cache_filled = True
        self._work(number, controller)
        done = stages.Finished(
            phase=phase,
            factor=self._noise.component_factors[number],
            blocks=self._noise.block_counts[number],
            executors=min(self._useful(number), there),
            shortage=self._shortage(number),
            recomputing_s=cache_penalty_s(
                phase, self._noise, number, self._cluster.cache_executors
            ),
            input_factor=self._noise.input_factor,
            started_at=started_at,
            finished_at=self._now,
        )
        for event in stages.completed(done, self._job, infos):
            self._post(event)
        self._post(events.job_end(number, self._now))
        if phase.cached:
            self._cluster.warm_up(there)

    def _work(self, number: int, controller: Controller) -> None:
        """Work until the component is done."""
        left = 1.0
        while True:
            seconds = self._seconds(number)
            begin = max(self._now, self._stalled_until)
            finish = _rounded(begin + left * seconds)
            until = min(finish, self._next_change())
            if until - self._started_at > LONGEST_RUN_S:
                raise ValueError(f"a run of {self._job.name!r} takes longer than a day")
            if until == finish:
                self._now = finish
                return
            if seconds < inf:
                left -= max(until - begin, 0.0) / seconds
            self._change(until, controller, number)

    def _wait(self, until: float, controller: Controller, number: int) -> None:
        """Let time pass without work, between two components."""
        self._held_up_s = 0.0
        while (change_at := self._next_change()) < until:
            self._change(change_at, controller, number)
            until = _rounded(until + self._held_up_s)
            self._held_up_s = 0.0
        self._now = until
        self._cluster.advance(until)

    def _next_change(self) -> float:
        """When the next executor comes or is killed."""
        kill_at = inf
        if self._next_kill < len(self._noise.kills):
            kill_at = _rounded(self._started_at + self._noise.kills[self._next_kill].at_s)
        start_at = self._cluster.next_start_at
        return max(self._now, min(kill_at, inf if start_at is None else start_at))

    def _change(self, at: float, controller: Controller, number: int) -> None:
        """Let executors come or one be killed, and ask the controller after a loss."""
        self._now = at
        self._cluster.advance(at)
        if self._next_kill >= len(self._noise.kills):
            return
        kill = self._noise.kills[self._next_kill]
        if at < _rounded(self._started_at + kill.at_s):
            return
        self._next_kill += 1
        if self._cluster.kill(kill.victim, at):
            self._stalled_until = max(self._stalled_until, at) + kill.stall_s
            self._ask(controller, number, between=False)

    def _ask(self, controller: Controller, number: int, *, between: bool) -> None:
        phase, _ = self._components[number]
        barrier = Barrier(
            now=self._now,
            started_at=self._started_at,
            next_component=number,
            next_tasks=stages.task_count(phase, self._job, self._cluster.executors),
            executors=self._cluster.executors,
            starting=self._cluster.starting,
            requested=self._cluster.requested,
            between=between,
            reducer=self._reducer,
        )
        request = controller.at_barrier(barrier)
        if request is None:
            return
        self._post(events.scale_accepted(request.executors, request.epoch, self._now))
        if request.executors != self._cluster.requested:
            self._held_up_s += self._cluster.request(request.executors, self._now)

    def _useful(self, number: int) -> float:
        """Executors that speed up a component: cold ones wait until they are warm."""
        phase, _ = self._components[number]
        if not (self._mode.cold_start and phase.cached and self._cluster.warm):
            return self._cluster.effective
        return min(self._cluster.effective, self._cluster.warm)

    def _seconds(self, number: int) -> float:
        """Seconds of a component at the executors of this moment, infinite without any."""
        if not self._cluster.executors:
            return inf
        return component_seconds(
            self._components[number][0],
            self._noise,
            number,
            self._job.executor_cores,
            self._useful(number),
            self._cluster.cache_executors,
        )

    def _shortage(self, number: int) -> float:
        phase, _ = self._components[number]
        if phase.cache is None or not phase.cache.executors:
            return 0.0
        return max(0.0, 1 - self._cluster.cache_executors / phase.cache.executors)

    def _post(self, event: events.Event) -> None:
        self.events.append(event)
        self._reducer.add(event)


def component_seconds(
    phase: Phase,
    noise: RunNoise,
    number: int,
    cores: int,
    executors: float,
    cache_executors: float,
) -> float:
    """Seconds of a component at a constant number of executors.

    :param number: of the component in its job
    :param cores: of an executor
    :param executors: that work on it, greater than 0
    :param cache_executors: whose memory holds its cached data
    """
    seconds = phase.seconds(noise.block_counts[number], executors, cores)
    seconds *= noise.component_factors[number]
    return max(seconds + cache_penalty_s(phase, noise, number, cache_executors), _MS)


def cache_penalty_s(phase: Phase, noise: RunNoise, number: int, cache_executors: float) -> float:
    """Seconds that a component takes longer because its cached data do not fit."""
    cache = phase.cache
    if cache is None or cache_executors >= cache.executors:
        return 0.0
    shortage = 1 - cache_executors / cache.executors
    return cache.seconds * shortage * noise.cache_factors[number] + cache.jump_s


def _rounded(at: float) -> float:
    """A moment in whole milliseconds."""
    return round(at, 3)
