from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import PastRun, RunContext
from airflow_enel.simulation.controllers import FixedSchedule
from airflow_enel.simulation.fit_job import TAIL, fit_job
from airflow_enel.simulation.job import JobDescription
from airflow_enel.simulation.job_file import OTHER_JOBS, PAPER_JOBS, find_job, read_job, write_job
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.noise import io_loads, run_noise
from airflow_enel.simulation.protocol import Protocol
from airflow_enel.simulation.series import Series, SeriesPlan
from tests.support.builders.past_runs import past_run
from tests.support.builders.simulated import CACHED, LOOP, simulated

PROFILED = Protocol(runs=40, profiling=40, failing=())


def runs_of(job: JobDescription, seed: int = 1) -> list[PastRun]:
    return [
        run.past
        for run in Series(SeriesPlan(job, MODES["elastic"], "bell", seed, 0, PROFILED)).runs()
    ]


def mean_runtime_s(job: JobDescription, executors: int, runs: int = 60) -> float:
    """Over runs that the description draws, at one size."""
    schedule = FixedSchedule([executors] * len(job.components()))
    loads = io_loads(2, 0, job, runs)
    total_s = 0.0
    for run, load in enumerate(loads):
        noise = run_noise(2, 0, job, MODES["elastic"], run, load, failing=False)
        snapshot = simulated(job, schedule, noise)
        total_s += (snapshot.ended_at or 0.0) - (snapshot.started_at or 0.0)
    return total_s / runs


@pytest.mark.parametrize(
    "job", [LOOP, CACHED, find_job("MPC"), find_job("ETL")], ids=lambda j: j.name
)
def test_a_fitted_job_takes_as_long_as_the_one_whose_runs_it_was_fitted_to(
    job: JobDescription,
) -> None:
    again = fit_job(runs_of(job), job.name, job.target_s)
    for executors in (6, 12, 24):
        assert mean_runtime_s(again, executors) == pytest.approx(
            mean_runtime_s(job, executors), rel=0.08
        )


def test_components_that_follow_each_other_are_one_phase() -> None:
    job = fit_job(runs_of(LOOP), "loop", 300.0)
    assert [phase.count for phase in job.phases] == [1, 4, 1]
    assert (job.name, job.target_s) == ("loop", 300.0)


def test_the_time_after_the_last_component_is_a_phase_if_there_is_any() -> None:
    runs = [past_run(n, size, tail_s=30.0) for n, size in enumerate((2, 4, 8, 4))]
    last = fit_job(runs, "job", 60.0).phases[-1]
    assert (last.name, last.fixed_s) == (TAIL, 30.0)
    short = [past_run(n, size, tail_s=0.1) for n, size in enumerate((2, 4, 8, 4))]
    assert TAIL not in {phase.name for phase in fit_job(short, "job", 60.0).phases}


def test_components_that_few_runs_had_are_left_out() -> None:
    runs = [past_run(n, size, [10.0], ["all"]) for n, size in enumerate((2, 4, 8, 4))]
    rare = past_run(9, 4, [10.0, 10.0], ["all", "repair"])
    assert [phase.name for phase in fit_job([*runs, rare], "job", 60.0).phases][:1] == ["all"]
    assert "repair" not in {phase.name for phase in fit_job([*runs, rare], "job", 60.0).phases}


def test_the_cores_and_the_input_are_those_of_the_runs() -> None:
    known = RunContext.of({"executor_cores": 2, "input_mib": 4096})
    runs = [replace(past_run(n, size), context=known) for n, size in enumerate((2, 4, 8, 4))]
    job = fit_job(runs, "job", 60.0)
    assert (job.executor_cores, job.input_mib, job.input_factors) == (2, 4096, (1.0,))


def test_inputs_that_explain_the_runtime_are_drawn_again() -> None:
    job = fit_job(runs_of(find_job("ETL")), "ETL", 420.0)
    assert min(job.input_factors) < 0.7
    assert max(job.input_factors) > 1.5
    assert {phase.input_elasticity > 0.5 for phase in job.phases[1:]} == {True}


@pytest.mark.parametrize("name", [*PAPER_JOBS, *OTHER_JOBS])
def test_what_is_written_is_read_again(name: str) -> None:
    job = find_job(name)
    assert read_job(write_job(job), "again") == job


@given(st.text(min_size=1).filter(str.strip))
def test_any_name_can_be_written(name: str) -> None:
    named = replace(LOOP, name=name, phases=tuple(replace(p, name=name) for p in LOOP.phases))
    assert read_job(write_job(named), "again") == named
