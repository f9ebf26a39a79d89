"""A series of simulated runs of one recurring job under one policy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.outcome import outcome
from airflow_enel.domain import PastRun, Run, RunContext, RunKey, RunOutcome, RunState
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.simulation.application import Application
from airflow_enel.simulation.baselines import ORACLE, find_simulated_policy, is_policy
from airflow_enel.simulation.controllers import (
    DynamicAllocation,
    FixedSchedule,
    PolicyController,
    TimedController,
)
from airflow_enel.simulation.model_rounds import ModelRounds
from airflow_enel.simulation.noise import io_loads, run_noise
from airflow_enel.simulation.oracle import Oracle
from airflow_enel.simulation.past import runs_to_learn_from, without_stages
from airflow_enel.simulation.protocol import PAPER, Protocol
from airflow_enel.simulation.stages import task_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_enel.domain import Snapshot
    from airflow_enel.predict import Forecaster
    from airflow_enel.simulation.application import Controller
    from airflow_enel.simulation.job import JobDescription
    from airflow_enel.simulation.mode import Mode
    from airflow_enel.simulation.noise import RunNoise
    from airflow_enel.simulation.spark_events import Event

DAY_S: Final = 86_400.0
"""From one run to the next."""

PROFILING: Final = "profiling"
"""Stands in place of a policy in the runs that are profiled."""


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """One run of a series.

    :param number: in the series, from 1
    :param past: the run as later ones learn from it, with its stages
    :param events: Spark's, from its start to its end
    :param training_s: CPU seconds of this process to fit the forecaster, and to train its network
        after the run before
    :param deciding_s: CPU seconds of this process for the run's decisions, without its simulation
    """

    number: int
    run: Run
    outcome: RunOutcome
    past: PastRun
    events: tuple[Event, ...]
    training_s: float
    deciding_s: float


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """Which series to simulate.

    :param policy: name of a policy, or of one of the simulator's own
    :param train: True to train the network of a policy that uses one, after each run
    """

    job: JobDescription
    mode: Mode
    policy: str
    seed: int
    campaign: int
    protocol: Protocol = PAPER
    train: bool = False


class Series:
    """Simulates the runs of a series, each of which learns from those before it.

    :raises ValueError: if there is no such policy
    """

    def __init__(self, plan: SeriesPlan) -> None:
        self._plan = plan
        self._policy = find_simulated_policy(plan.policy) if is_policy(plan.policy) else None
        self._past: list[PastRun] = []
        self._past_with_stages: list[PastRun] = []
        self._rounds: ModelRounds | None = None
        if plan.train and self._policy is not None and self._policy.forecaster == Enel.name:
            self._rounds = ModelRounds(plan.job.name, plan.seed)

    def runs(self) -> Iterator[SimulatedRun]:
        """Simulate run after run, the profiled ones first."""
        plan = self._plan
        loads = io_loads(plan.seed, plan.campaign, plan.job, plan.protocol.runs)
        for number, load in enumerate(loads, 1):
            noise = run_noise(
                plan.seed,
                plan.campaign,
                plan.job,
                plan.mode,
                number,
                load,
                failing=plan.protocol.is_failing(number),
            )
            simulated = self._run(number, noise)
            self._past_with_stages.append(simulated.past)
            self._past.append(without_stages(simulated.past))
            yield simulated

    def _run(self, number: int, noise: RunNoise) -> SimulatedRun:
        plan, started_at = self._plan, DAY_S * number
        begin = time.process_time()
        profiled = number <= plan.protocol.profiling
        chosen = self._profiling(number) if profiled else self._controller(number, noise)
        training_s = time.process_time() - begin
        controller = TimedController(chosen)
        application = Application(
            plan.job,
            plan.mode,
            noise,
            app_id=f"{plan.job.name}-{plan.campaign + 1}-{number:03}",
            started_at=started_at,
        )
        snapshot = application.run(controller)
        ended = outcome(snapshot, 0, plan.job.target_s, RunState.SUCCEEDED)
        run = self._described(number, snapshot, noise, PROFILING if profiled else plan.policy)
        return SimulatedRun(
            number=number,
            run=run,
            outcome=ended,
            past=PastRun.of(run, ended, snapshot.finished_components, snapshot.requests),
            events=tuple(application.events),
            training_s=training_s,
            deciding_s=controller.took_s,
        )

    def _profiling(self, number: int) -> Controller:
        plan = self._plan
        sizes = plan.protocol.profiling_sizes(plan.seed, plan.campaign, plan.job)
        return FixedSchedule([sizes[number - 1]] * len(plan.job.components()))

    def _controller(self, number: int, noise: RunNoise) -> Controller:
        plan = self._plan
        job, bounds = plan.job, plan.protocol.bounds
        if plan.policy == ORACLE:
            return Oracle(job, plan.mode, noise, bounds)
        if self._policy is None:
            first_tasks = task_count(job.phases[0], job, bounds.minimum)
            return DynamicAllocation(bounds, job.executor_cores, first_tasks)
        config = ScalingConfig(
            policy=self._policy,
            forecaster=self._forecaster(DAY_S * number),
            target_s=job.target_s,
            bounds=bounds,
            try_number=1,
            context=_context(job, noise),
        )
        return PolicyController(config, runs_to_learn_from(self._past), DAY_S * number)

    def _forecaster(self, now: float) -> Forecaster | None:
        name = None if self._policy is None else self._policy.forecaster
        if name is None:
            return None
        if self._rounds is None:
            return create_forecaster(name).fit(runs_to_learn_from(self._past))
        past = runs_to_learn_from(self._past_with_stages)
        self._rounds.train(past, now)
        return Enel(self._rounds.model, self._plan.job.name).fit(past)

    def _described(self, number: int, snapshot: Snapshot, noise: RunNoise, policy: str) -> Run:
        job, bounds = self._plan.job, self._plan.protocol.bounds
        return Run(
            key=RunKey("simulation", f"run-{number:03}", job.name, -1, 1),
            job_key=job.name,
            application=job.name,
            policy=policy,
            bounds=bounds,
            runtime_target_s=job.target_s,
            initial_executors=snapshot.initial_executors or bounds.minimum,
            submitted_at=DAY_S * number,
            context=_context(job, noise),
        )


def _context(job: JobDescription, noise: RunNoise) -> RunContext:
    return RunContext.of({"input_mib": round(job.input_mib * noise.input_factor)})
