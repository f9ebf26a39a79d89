"""What a manifest says of the runs that a network has learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from airflow_enel.domain import JobRuns, PastRun
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.gate import JudgedForecasts
from airflow_enel.predict.enel.manifest import Manifest
from airflow_enel.predict.enel.training.examples import TrainingRuns
from airflow_enel.predict.enel.training.held_out_evaluation import (
    MOST_MOMENTS,
    judged_places,
    manifest_of,
    with_gates,
)
from airflow_enel.predict.samples import FloatArray
from tests.support.fakes.models import generated_runs

RUNS = generated_runs(5)
NONE: FloatArray = np.empty(0)


def usable(name: str, runs: Sequence[PastRun]) -> TrainingRuns:
    return TrainingRuns.of(JobRuns(name, tuple(runs)))


def manifest(jobs: list[TrainingRuns], before: Manifest | None = None) -> Manifest:
    judged = [JudgedForecasts(NONE, NONE, NONE, NONE) for _ in jobs]
    return with_gates(manifest_of(jobs, DEFAULT, 0, 1.0), jobs, judged, before)


def test_a_manifest_remembers_the_runs_of_each_job_that_were_learned() -> None:
    other = generated_runs(3, number=1)
    made = manifest(
        [
            usable("job", RUNS[:4]),
            usable("other", other),
        ]
    )
    job, of_other = made.jobs
    assert [job.has_learned(run.run_id) for run in RUNS] == [True, True, True, True, False]
    assert all(of_other.has_learned(run.run_id) for run in other)
    assert (made.training_runs, job.runs, of_other.runs) == (7, 4, 3)


def test_a_run_without_components_is_not_learned() -> None:
    (job,) = manifest([usable("job", (*RUNS[:3], replace(RUNS[4], components=())))]).jobs
    assert job.runs == 3
    assert not job.has_learned(RUNS[4].run_id)


def test_a_fine_tuned_model_remembers_no_more_runs_than_were_there() -> None:
    before = manifest([usable("job", RUNS[:3])])
    after = manifest([usable("job", RUNS[1:])], before)
    assert len(after.jobs[0].learned) == 8 * 4
    assert Manifest.from_json(after.to_json()) == after


def test_fifty_runs_of_a_job_take_little_room() -> None:
    runs = [replace(RUNS[0], run_id=f"run {number}") for number in range(50)]
    text = manifest([usable("job", runs)]).to_json()
    assert len(text) - len(manifest([usable("job", runs[:2])]).to_json()) < 500


def test_all_moments_of_a_short_run_are_judged() -> None:
    assert judged_places(1) == (0,)
    assert judged_places(6) == tuple(range(6))


def test_of_a_long_run_the_start_and_some_moments_of_each_phase_are_judged() -> None:
    places = judged_places(160)
    early = [place for place in places if 0 < place <= 20]
    later = [place for place in places if place > 20]
    assert places == tuple(sorted(set(places)))
    assert places[0] == 0
    assert len(early) == len(later) == MOST_MOMENTS
    assert (early[0], early[-1], later[0], later[-1]) == (1, 20, 21, 159)
