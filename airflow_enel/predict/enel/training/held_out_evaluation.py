"""Evaluates a network on the newest runs, which it was not trained on, for the manifest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

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


MOST_MOMENTS: Final = 6
"""Moments of a phase of a run that are judged: neighbours say nearly the same."""


def evaluate_held_out(
    candidate: EnelModel,
    job: TrainingRuns,
    known: int,
    report: Report,
    place: tuple[int, int],
) -> JudgedForecasts:
    """Forecast the runs after the first ``known`` by the prior and by the whole correction."""
    made: list[tuple[int, int, float, float]] = []
    counts: list[int] = []

    def places(count: int) -> Sequence[int]:
        counts.append(count)
        return judged_places(count)

    if 0 < known < len(job.runs):
        series = JobRuns(job.job, job.runs)
        makers = (Conditional, lambda: Enel(candidate, job.job))
        for number, found in enumerate(walk_forward(series, makers, known, places)):
            half, count = len(found) // 2, counts[-1]
            pairs = zip(judged_places(count), found[:half], found[half:], strict=False)
            for finished, prior, network in pairs:
                log_prior = np.log(prior.predicted_s)
                made.append(
                    (
                        number,
                        phase_of(finished, count - finished),
                        float(np.log(prior.actual_s) - log_prior),
                        float(np.log(network.predicted_s) - log_prior),
                    )
                )
    report("gate", place[0] + 1, place[1])
    run, phase, residual, correction = np.array(made, dtype=np.float64).reshape(-1, 4).T
    return JudgedForecasts(run, phase, residual, correction)


def judged_places(count: int) -> tuple[int, ...]:
    """Places of the moments of a run that are judged: its start, and some evenly of each phase.

    :param count: moments of the run, one after each finished component
    """
    of_phase: dict[int, list[int]] = {}
    for place in range(count):
        of_phase.setdefault(phase_of(place, count - place), []).append(place)
    chosen = (_evenly(places) for places in of_phase.values())
    return tuple(place for places in chosen for place in places)


def _evenly(places: Sequence[int]) -> list[int]:
    steps = np.linspace(0, len(places) - 1, min(len(places), MOST_MOMENTS))
    return [places[step] for step in np.rint(steps).astype(int).tolist()]


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
