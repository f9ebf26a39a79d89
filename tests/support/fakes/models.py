"""Models and trainings that cost nothing: random weights, and no torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from airflow_enel.domain import JobRuns, PastRun, RunContext, TrainedModel
from airflow_enel.execution.scaling_config import JobModel
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.gate import OPEN, Gate, Gates
from airflow_enel.predict.enel.manifest import (
    ENCODER,
    KIND,
    SCHEMA_VERSION,
    JobGate,
    Manifest,
    marks_of,
)
from airflow_enel.predict.enel.model import (
    EnelModel,
    TooLittleHistory,
    dump_weights,
)
from tests.support.builders.graphs import random_weights
from tests.support.builders.recurring_jobs import SCENARIOS, make_job, make_runs


def gates(*shares: float) -> Gates:
    """Gates of these shares before the start, early, and later; one share is all of them."""
    return Gates(*(Gate(3.0, 0.0, share) for share in (shares * 3)[:3]))


MANIFEST = Manifest(
    config="default",
    encoder=ENCODER,
    largest_executors=DEFAULT.largest_executors,
    seed=0,
    created_at=1.7e9,
    from_scratch_at=1.7e9,
    training_runs=3,
    latest_run_at=1.6e9,
    data_hash="0" * 64,
    epochs=2,
    jobs=(JobGate("dag/job", 3, 1, OPEN, 20.0, 10.0),),
    pooled=gates(0.5),
    walk_forward_prior_percent=20.0,
    walk_forward_network_percent=10.0,
)


def enel_model(**changes: Any) -> EnelModel:
    """A network of random weights."""
    manifest = replace(MANIFEST, **changes)
    return EnelModel(manifest, DEFAULT, random_weights(DEFAULT, manifest.seed))


def stored(name: str = "m", **changes: Any) -> TrainedModel:
    """The same as it is kept."""
    made = enel_model(**changes)
    manifest, weights = made.manifest.to_json(), dump_weights(made.weights)
    return TrainedModel.sealed(name, KIND, SCHEMA_VERSION, manifest, weights, 1.7e9)


def generated_runs(count: int = 6, number: int = 0) -> tuple[PastRun, ...]:
    """Runs of a job with stages and context."""
    return tuple(make_runs(make_job(number, 1), SCENARIOS["input"], count, 1))


class FakeTraining:
    """Stands in for the training of the network; remembers what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[JobRuns, ...], EnelModel | None]] = []
        self.fault: ValueError | None = None

    def __call__(
        self,
        jobs: Sequence[JobRuns],
        *,
        seed: int,
        created_at: float,
        start: EnelModel | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> EnelModel:
        if self.fault is not None:
            raise self.fault
        runs = [run for job in jobs if len(job.runs) > 1 for run in job.runs]
        latest_at = max(run.started_at for run in runs)
        if start is not None and latest_at <= start.manifest.latest_run_at:
            raise TooLittleHistory("there is no run that this model has not learned from")
        self.calls.append((tuple(jobs), start))
        if progress is not None:
            progress("training", 1, 2)
        return enel_model(
            seed=seed,
            created_at=created_at,
            training_runs=len(runs),
            latest_run_at=latest_at,
            jobs=tuple(_gate(job) for job in jobs if len(job.runs) > 1),
        )

    def installed(self, monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
        """Put it in place of the module that needs torch."""
        module = ModuleType("training")
        module.train = self  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "airflow_enel.predict.enel.training.trainer", module)
        return self


def _gate(job: JobRuns) -> JobGate:
    learned = marks_of(job.job, (run.run_id for run in job.runs))
    return JobGate(job.job, len(job.runs), 0, OPEN, None, None, learned=learned)


class Wanted:
    """Has one model for whoever scales an application; remembers what is asked of the history.

    :ivar stages: of every question for past runs, whether it wants stages
    :ivar models: with which every configuration was made
    :ivar contexts: of the runs of every configuration
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self.stages: list[bool] = []
        self.models: list[JobModel | None] = []
        self.contexts: list[RunContext] = []

    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Wanted:
        """Put it in place of the history, and listen to the factory of scaling configurations."""
        from airflow_enel.execution import open_run, scaling_config  # noqa: PLC0415 - as below
        from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - needs the database

        def past_runs(*_: Any, stages: bool = False) -> tuple[()]:
            self.stages.append(stages)
            return ()

        def made(run: Any, past: Any, try_number: int) -> Any:
            self.models.append(past.model)
            self.contexts.append(run.context)
            return real(run, past, try_number)

        real = scaling_config.scaling_config
        for module in (open_run, scaling_config):
            monkeypatch.setattr(module, "scaling_config", made)
        monkeypatch.setattr(SqlHistory, "past_runs", past_runs)
        monkeypatch.setattr(SqlHistory, "latest_model", lambda *_: self.model)
        return self


def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of the training fail as it does where torch is not installed."""
    monkeypatch.setitem(sys.modules, "airflow_enel.predict.enel.training.trainer", None)
