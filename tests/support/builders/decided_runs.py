"""Puts a run into the metadata DB with the decisions that the production code takes in it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from airflow_enel.control.decide import ScalingConfig, decide, first_step
from airflow_enel.control.outcome import outcome
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import (
    Bounds,
    PastRun,
    Run,
    RunKey,
    RunState,
    ScaleAnswer,
    Step,
    TargetSource,
)
from airflow_enel.predict.registry import create_forecaster
from airflow_enel.simulation.application import Barrier, Request
from airflow_enel.simulation.job import JobDescription
from airflow_enel.simulation.noise import Kill
from tests.support.builders.simulated import quiet, simulated

STARTED_AT = 1_700_000_000.0


class RecordedDecisions:
    """A policy in a simulated run, with the steps that it takes and what Spark has then."""

    def __init__(self, config: ScalingConfig, past_runs: Sequence[PastRun]) -> None:
        self._config, self._past_runs = config, past_runs
        self.steps: list[Step] = []

    def initial_executors(self) -> int:
        self.steps.append(first_step(self._config, self._past_runs, None, STARTED_AT))
        return self.steps[0].decision.executors

    def at_barrier(self, barrier: Barrier) -> Request | None:
        step = decide(self._config, barrier.snapshot(), barrier.now).step
        if step is None:
            return None
        self.steps.append(step)
        return Request(step.decision.executors, step.decision.epoch)


def store_decided_run(
    dag_id: str,
    job: JobDescription,
    past_runs: Sequence[PastRun],
    target_s: float,
    *,
    policy: str = "enel",
    bounds: Bounds = Bounds(1, 12),  # noqa: B008 - frozen
    kills: Sequence[Kill] = (),
) -> Run:
    """Simulate a run, and keep it as the operator would."""
    from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - needs the database

    found = find_policy(policy)
    forecaster = None if found.forecaster is None else create_forecaster(found.forecaster)
    fitted = None if forecaster is None else forecaster.fit(past_runs)
    decisions = RecordedDecisions(ScalingConfig(found, fitted, target_s, bounds, 1), past_runs)
    snapshot = simulated(job, decisions, quiet(job, kills=kills))
    first = decisions.steps[0].decision
    run = Run(
        *(RunKey(dag_id, f"run-{uuid4()}", job.name, -1, 1), job.name, "job.py", policy, bounds),
        *(target_s, first.executors, STARTED_AT),
        target_source=TargetSource.RUNTIME_TARGET,
    )
    history = SqlHistory()
    history.open_run(run, None)
    for step in decisions.steps:
        history.intend(run.key.id, step)
        answer = ScaleAnswer(True, step.progress.executors, "")
        history.complete(run.key.id, step.decision.epoch, answer)
    history.save_components(run.key.id, snapshot.finished_components)
    history.finish_run(run.key.id, outcome(snapshot, 0, target_s, RunState.SUCCEEDED))
    return run
