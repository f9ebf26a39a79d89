"""The two results of the 2016 paper with policy ``utilization``, and where it does not pay.

Thamsen et al., "Continuously Improving the Resource Utilization of Iterative Parallel Dataflows":
a job that profits ends up to 57 % earlier on more resources for a shorter time, another releases
up to 40 % of its resources without taking much longer. Every run is compared with the same run,
on the same noise, at the constant size with which it starts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.outcome import outcome
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds, RunState
from airflow_enel.simulation.application import Application
from airflow_enel.simulation.controllers import FixedSchedule, PolicyController
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.mode import find_mode
from airflow_enel.simulation.noise import run_noise
from airflow_enel.simulation.series import DAY_S

if TYPE_CHECKING:
    from airflow_enel.domain import Snapshot
    from airflow_enel.simulation.application import Barrier, Controller, Request
    from airflow_enel.simulation.noise import RunNoise

MODE: Final = "realistic"
BOUNDS: Final = Bounds(1, 36)

GROWING: Final = JobDescription(
    name="growing",
    target_s=3_600.0,
    phases=(
        Phase("load", fixed_s=30.0, tasks=16, log_sd=0.05, io_bound=True),
        Phase(
            "iteration",
            count=30,
            fixed_s=0.5,
            parallel_s=240.0,
            per_executor_s=0.02,
            run_log_sd=0.05,
            log_sd=0.02,
            cached=True,
        ),
    ),
)
"""Iterations of a minute on four executors, divided finely."""

SHRINKING: Final = replace(
    GROWING,
    name="shrinking",
    phases=(
        GROWING.phases[0],
        replace(GROWING.phases[1], parallel_s=400.0, tasks=80),
    ),
)
"""Iterations of 80 tasks: 20 executors of four cores run them at once, more have nothing to do."""

START: Final = {"growing": 4, "shrinking": 36}
"""Executors of the constant size and at the start."""

ITERATIONS: Final = (3, 6, 12, 24, 48)
SERIAL_SHARES: Final = (0.0, 0.05, 0.1, 0.2, 0.5)
"""Of an iteration on four executors, in the driver alone, which no executor shortens."""

OVERHEADS_S: Final = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Seconds that every executor adds to every iteration."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A run of policy ``utilization``, and the same at a constant size.

    :param executors: at its end
    """

    runtime_s: float
    executor_seconds: float
    executors: int
    rescales: int
    constant_runtime_s: float
    constant_executor_seconds: float

    @property
    def longer(self) -> float:
        """By which share the runtime is longer, negative if it is shorter."""
        return self.runtime_s / self.constant_runtime_s - 1

    @property
    def dearer(self) -> float:
        """By which share it takes more executor-seconds."""
        return self.executor_seconds / self.constant_executor_seconds - 1


@dataclass(frozen=True, slots=True)
class _Started:
    """A controller, started with a size that is given."""

    controller: Controller
    executors: int

    def initial_executors(self) -> int:
        """The given size."""
        return self.executors

    def at_barrier(self, barrier: Barrier) -> Request | None:
        """As the controller decides."""
        return self.controller.at_barrier(barrier)


_PAIRS: Final = TypeAdapter(tuple[Pair, ...])


@dataclass(frozen=True, slots=True)
class UtilizationTask:
    """Some runs of a job that starts with so many executors."""

    job: JobDescription
    executors: int
    runs: int
    seed: int

    @property
    def expected_s(self) -> float:
        """By its components."""
        return 0.002 * self.runs * len(self.job.components())

    def inputs(self) -> Any:
        """All of it."""
        return {"kind": "utilization", "mode": MODE, "bounds": asdict(BOUNDS), **asdict(self)}

    def compute(self) -> Any:
        """Simulate the runs."""
        pairs = (self._pair(number) for number in range(1, self.runs + 1))
        return _PAIRS.dump_python(tuple(pairs), mode="json")

    def _pair(self, number: int) -> Pair:
        noise = run_noise(self.seed, 0, self.job, find_mode(MODE), number, 1.0, failing=False)
        config = ScalingConfig(find_policy("utilization"), None, None, BOUNDS, 1)
        adaptive = self._run(noise, _Started(PolicyController(config, (), DAY_S), self.executors))
        count = len(self.job.components())
        constant = self._run(noise, FixedSchedule([self.executors] * count))
        ended, other = (outcome(s, 0, None, RunState.SUCCEEDED) for s in (adaptive, constant))
        return Pair(
            runtime_s=ended.runtime_s or 0.0,
            executor_seconds=ended.executor_seconds,
            executors=adaptive.components[-1].scale_out.end,
            rescales=ended.rescales,
            constant_runtime_s=other.runtime_s or 0.0,
            constant_executor_seconds=other.executor_seconds,
        )

    def _run(self, noise: RunNoise, controller: Controller) -> Snapshot:
        application = Application(self.job, find_mode(MODE), noise, app_id="app", started_at=DAY_S)
        return application.run(controller)


def pairs(result: Any) -> tuple[Pair, ...]:
    """What a `UtilizationTask` has computed.

    :raises pydantic.ValidationError: if it is something else
    """
    return _PAIRS.validate_python(result)


def with_iterations(count: int, serial_share: float) -> JobDescription:
    """The growing job with so many iterations, of which a share is serial; equal on four."""
    load, iteration = GROWING.phases
    seconds = iteration.fixed_s + iteration.parallel_s / START["growing"]
    changed = replace(
        iteration,
        count=count,
        fixed_s=serial_share * seconds,
        parallel_s=(1 - serial_share) * seconds * START["growing"],
        per_executor_s=0.0,
    )
    return replace(GROWING, phases=(load, changed))


def with_overhead(per_executor_s: float) -> JobDescription:
    """The growing job whose iterations take longer with every executor."""
    load, iteration = GROWING.phases
    return replace(GROWING, phases=(load, replace(iteration, per_executor_s=per_executor_s)))


@dataclass(frozen=True, slots=True)
class UtilizationTasks:
    """All of them.

    :param results: by job
    :param sweep: by iterations and serial share
    :param overheads: by seconds that every executor adds to every iteration
    """

    results: dict[str, UtilizationTask]
    sweep: dict[tuple[int, float], UtilizationTask]
    overheads: dict[float, UtilizationTask]

    @classmethod
    def of(cls, runs: int, seed: int) -> UtilizationTasks:
        """With so many runs each."""

        def task(job: JobDescription) -> UtilizationTask:
            return UtilizationTask(job, START[job.name], runs, seed)

        return cls(
            results={job.name: task(job) for job in (GROWING, SHRINKING)},
            sweep={
                (count, share): task(with_iterations(count, share))
                for count in ITERATIONS
                for share in SERIAL_SHARES
            },
            overheads={seconds: task(with_overhead(seconds)) for seconds in OVERHEADS_S},
        )

    def all(self) -> tuple[UtilizationTask, ...]:
        """In one sequence."""
        groups = (self.results, self.sweep, self.overheads)
        return tuple(task for group in groups for task in group.values())
