"""Evaluates a network on the newest runs, which it was not trained on, for the manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.gate import CLOSED, OPEN, JudgedForecasts, phase_of
from airflow_enel.predict.enel.manifest import ENCODER, JobGate, Manifest, marks_of
from airflow_enel.predict.enel.training.examples import hash_of
from airflow_enel.predict.evaluation import walk_forward
from airflow_enel.predict.gaussian.conditional import Conditional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.model import EnelModel
    from airflow_enel.predict.enel.training.examples import TrainingRuns

    Report = Callable[[str, int, int], None]


def evaluate_held_out(
    candidate: EnelModel,
    job: TrainingRuns,
    known: int,
    report: Report,
    place: tuple[int, int],
) -> JudgedForecasts:
    """Forecast the runs after the first ``known`` by the prior and by the whole correction."""
    made: list[tuple[int, int, float, float]] = []
    if 0 < known < len(job.runs):
        series = JobRuns(job.job, job.runs)
        makers = (Conditional, lambda: Enel(candidate, job.job))
        for number, found in enumerate(walk_forward(series, makers, known)):
            half = len(found) // 2
            for place_in_run, (prior, network) in enumerate(
                zip(found[:half], found[half:], strict=True)
            ):
                log_prior = np.log(prior.predicted_s)
                made.append(
                    (
                        number,
                        phase_of(place_in_run, half - place_in_run),
                        float(np.log(prior.actual_s) - log_prior),
                        float(np.log(network.predicted_s) - log_prior),
                    )
                )
    report("gate", place[0] + 1, place[1])
    run, phase, residual, correction = np.array(made, dtype=np.float64).reshape(-1, 4).T
    return JudgedForecasts(run, phase, residual, correction)


def with_open_gates(manifest: Manifest) -> Manifest:
    """The manifest with every gate at 1, to see the whole correction."""
    return replace(manifest, jobs=(), pooled=OPEN)


def manifest_of(
    jobs: Sequence[TrainingRuns], config: EnelConfig, seed: int, created_at: float
) -> Manifest:
    """The manifest of a model before its evaluation."""
    runs = [run for job in jobs for run in job.runs]
    return Manifest(
        config=config.name,
        encoder=ENCODER,
        largest_executors=config.largest_executors,
        seed=seed,
        created_at=created_at,
        from_scratch_at=created_at,
        training_runs=len(runs),
        latest_run_at=max(run.started_at for run in runs),
        data_hash=hash_of(jobs),
        epochs=0,
        jobs=(),
        pooled=CLOSED,
        walk_forward_prior_percent=None,
        walk_forward_network_percent=None,
    )


def with_gates(
    manifest: Manifest,
    jobs: Sequence[TrainingRuns],
    judged: Sequence[JudgedForecasts],
    before: Manifest | None,
) -> Manifest:
    """The manifest with gates and errors.

    :param before: of the model that was fine-tuned, whose gates go on; without it they begin
    """
    errors = [
        [error for of in judged if (error := of.percent(share)) is not None] for share in (0.0, 1.0)
    ]
    prior, network = (float(np.mean(of)) if of else None for of in errors)
    pooled = CLOSED if before is None else before.pooled
    return replace(
        manifest,
        jobs=tuple(
            JobGate(
                job.job,
                len(job.runs),
                of.runs,
                (CLOSED if before is None else before.gates_of(job.job)).after(of),
                of.percent(0.0),
                of.percent(1.0),
                learned=marks_of(job.job, (run.run_id for run in job.runs)),
            )
            for job, of in zip(jobs, judged, strict=True)
        ),
        pooled=pooled.after_group(judged),
        walk_forward_prior_percent=prior,
        walk_forward_network_percent=network,
    )
