"""Controllers of simulated runs: our policies by the decision step, and Spark's own allocation."""

from __future__ import annotations

import time
from math import ceil
from typing import TYPE_CHECKING

from airflow_enel.control.decide import ScalingConfig, decide, first_step
from airflow_enel.simulation.application import Barrier, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.domain import Bounds, PastRun, Snapshot
    from airflow_enel.simulation.application import Controller


class PolicyController:
    """A policy, asked by the same decision step as in production.

    :param past_runs: of the recurring job, oldest first
    :param started_at: when the run starts
    :param reading: the application at a barrier, as the policy is to see it
    """

    def __init__(
        self,
        config: ScalingConfig,
        past_runs: Sequence[PastRun],
        started_at: float,
        reading: Callable[[Barrier], Snapshot] = Barrier.snapshot,
    ) -> None:
        self._config, self._past_runs, self._started_at = config, past_runs, started_at
        self._reading = reading

    def initial_executors(self) -> int:
        """Decision 0."""
        step = first_step(self._config, self._past_runs, None, self._started_at)
        return step.decision.executors

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """The decision of a barrier, "keep" too, so that it counts as answered."""
        if not self._config.policy.rescales:
            return None
        step = decide(self._config, self._reading(barrier), barrier.now).step
        return None if step is None else Request(step.decision.executors, step.decision.epoch)


class DynamicAllocation:
    """Spark's dynamic allocation, as far as it shows at the scale of whole components.

    It starts with what the first component can use, and asks for more where the waiting tasks of a
    later one can.
    Executors that hold cached data are never idle for long enough to be released, which Spark's
    default of an infinite timeout for them makes true in jobs with loops.
    """

    def __init__(self, bounds: Bounds, executor_cores: int, first_tasks: int) -> None:
        self._bounds, self._cores, self._first_tasks = bounds, executor_cores, first_tasks
        self._epoch = 0

    def initial_executors(self) -> int:
        """As many as the first component can use."""
        return self._needed(self._first_tasks)

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """Grow to what the next component can use."""
        needed = self._needed(barrier.next_tasks)
        if needed <= barrier.requested:
            return None
        self._epoch += 1
        return Request(needed, self._epoch)

    def _needed(self, tasks: int) -> int:
        return self._bounds.clamp(ceil(tasks / self._cores))


class FixedSchedule:
    """Sizes that are given for each component, for tests and replays.

    :param executors: per component; the first is the initial size
    """

    def __init__(self, executors: Sequence[int]) -> None:
        self._executors = executors
        self._epoch = 0

    def initial_executors(self) -> int:
        """The first size."""
        return self._executors[0]

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """The size of the next component."""
        if not barrier.between:
            return None
        self._epoch += 1
        return Request(self._executors[barrier.next_component], self._epoch)


class TimedController:
    """Any controller, with the time that it takes.

    :ivar took_s: CPU seconds of this process for its decisions so far
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.took_s = 0.0

    def initial_executors(self) -> int:
        """As the controller chooses."""
        begin = time.process_time()
        executors = self._controller.initial_executors()
        self.took_s += time.process_time() - begin
        return executors

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """As the controller chooses."""
        begin = time.process_time()
        request = self._controller.at_barrier(barrier)
        self.took_s += time.process_time() - begin
        return request
