"""What the stages of simulated components say of their tasks fits into their slots and times."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_enel.domain import Snapshot, Stage, TaskDigest
from airflow_enel.simulation.controllers import FixedSchedule
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.job_file import OTHER_JOBS, PAPER_JOBS, find_job
from tests.support.builders.simulated import CACHED, noisy, simulated

MILLISECOND = 0.001


def at_constant_size(job: JobDescription, executors: int, run: int = 1) -> Snapshot:
    schedule = FixedSchedule([executors] * len(job.components()))
    return simulated(job, schedule, noisy(job, run))


def digest(stage: Stage) -> TaskDigest:
    assert stage.digest is not None
    return stage.digest


def first_digest(phase: Phase, executors: int) -> TaskDigest:
    job = JobDescription("one", 300.0, (phase,))
    return digest(at_constant_size(job, executors).components[0].stages[0])


@given(st.sampled_from((*PAPER_JOBS, *OTHER_JOBS)), st.integers(1, 36), st.integers(min_value=1))
@example("ETL", 26, 644)  # each of the three times rounded the wrong way
def test_tasks_fit_into_the_slots_and_the_duration_of_their_stage(
    name: str, executors: int, run: int
) -> None:
    job = find_job(name)
    snapshot = at_constant_size(job, executors, run)
    slots = executors * job.executor_cores
    for stage in (stage for component in snapshot.components for stage in component.stages):
        took_s = (stage.completed_at or 0.0) - stage.submitted_at
        tasks = digest(stage)
        assert tasks.total_s <= slots * took_s + (slots + 1) * MILLISECOND
        assert tasks.max_s <= took_s + 2 * MILLISECOND
        assert tasks.median_s <= tasks.max_s + MILLISECOND


def test_where_the_storage_is_the_limit_tasks_take_longer_on_more_slots() -> None:
    load = Phase("load", fixed_s=100.0, io_bound=True)
    assert first_digest(load, 20).total_s == pytest.approx(2 * first_digest(load, 10).total_s)


def test_work_that_is_divided_takes_as_long_in_all_on_any_number_of_slots() -> None:
    work = Phase("work", parallel_s=100.0)
    assert first_digest(work, 20).total_s == pytest.approx(first_digest(work, 10).total_s)


def test_tasks_whose_cached_data_do_not_fit_take_longer_by_what_they_recompute() -> None:
    fits = replace(CACHED, phases=tuple(replace(p, cache=None) for p in CACHED.phases))
    short, enough = (
        digest(at_constant_size(job, 5).components[1].stages[0]) for job in (CACHED, fits)
    )
    # Half of the cache is missing, for 100 s, in 5 × 4 slots.
    assert short.total_s - enough.total_s == pytest.approx(50 * 20, rel=1e-3)
