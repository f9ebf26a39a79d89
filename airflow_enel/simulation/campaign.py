"""Campaigns: every policy on every job, some times over, in several processes if asked for."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_enel.control.training_plan import LARGEST_SEED
from airflow_enel.simulation.event_log import write_event_log
from airflow_enel.simulation.figures import RunFigures, SeriesFigures
from airflow_enel.simulation.protocol import PAPER, Protocol
from airflow_enel.simulation.series import Series, SeriesPlan

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_enel.simulation.job import JobDescription
    from airflow_enel.simulation.mode import Mode


@dataclass(frozen=True, slots=True)
class Experiment:
    """Policies to be compared on the same noise.

    :param campaigns: how often each series is repeated, with other noise
    :param train: see `SeriesPlan`
    :param event_logs: folder for an event log of every run, None for none
    :raises ValueError: if there is nothing to simulate, or something twice
    """

    policies: tuple[str, ...]
    jobs: tuple[JobDescription, ...]
    mode: Mode
    campaigns: int = 1
    seed: int = 0
    protocol: Protocol = PAPER
    train: bool = False
    event_logs: Path | None = None

    def __post_init__(self) -> None:
        if self.campaigns < 1:
            raise ValueError(f"campaigns must be at least 1, not {self.campaigns}")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed must be a number from 0 to {LARGEST_SEED}, not {self.seed}")
        names = [job.name for job in self.jobs]
        for what, given in (("policy", self.policies), ("job", names)):
            if not given:
                raise ValueError(f"name at least one {what}")
            if len(set(given)) < len(given):
                raise ValueError(f"each {what} can be named once only: {', '.join(given)}")

    def plans(self) -> tuple[SeriesPlan, ...]:
        """All series, campaign by campaign."""
        return tuple(
            SeriesPlan(job, self.mode, policy, self.seed, campaign, self.protocol, self.train)
            for campaign in range(self.campaigns)
            for policy in self.policies
            for job in self.jobs
        )


def simulate(experiment: Experiment, processes: int = 1) -> Iterator[SeriesFigures]:
    """Simulate all series of an experiment, in their order whatever the number of processes.

    Closing the iterator ends the processes.
    """
    plans = experiment.plans()
    if processes <= 1:
        for plan in plans:
            yield simulate_series(plan, experiment.event_logs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(plans)), mp_context=context) as pool:
        futures = [pool.submit(simulate_series, plan, experiment.event_logs) for plan in plans]
        try:
            for future in futures:
                yield future.result()
        finally:
            _cancel(futures)


def complete_campaigns(
    experiment: Experiment, series: Sequence[SeriesFigures]
) -> tuple[SeriesFigures, ...]:
    """Leave out campaigns of which not every series is there, as after an interrupt."""
    whole = len(experiment.policies) * len(experiment.jobs)
    return tuple(series[: len(series) // whole * whole])


def simulate_series(plan: SeriesPlan, event_logs: Path | None = None) -> SeriesFigures:
    """Simulate one series and keep its figures.

    :param event_logs: folder for an event log of every run, None for none
    :raises OSError: if a log cannot be written
    """
    runs = []
    for run in Series(plan).runs():
        if event_logs is not None:
            # A job may be called like a path, and its logs belong into this folder all the same.
            job = plan.job.name.replace("/", "_")
            name = f"{job}-{plan.campaign + 1}-{run.number:03}"
            write_event_log(event_logs / plan.policy / name, run.events)
        runs.append(
            RunFigures.of(
                run.number,
                run.run.initial_executors,
                run.outcome,
                failing=plan.protocol.is_failing(run.number),
                training_s=run.training_s,
                deciding_s=run.deciding_s,
            )
        )
    return SeriesFigures(
        policy=plan.policy,
        job=plan.job.name,
        campaign=plan.campaign,
        target_s=plan.job.target_s,
        profiling=plan.protocol.profiling,
        runs=tuple(runs),
    )


def _cancel(futures: Sequence[Future[SeriesFigures]]) -> None:
    for future in futures:
        future.cancel()
