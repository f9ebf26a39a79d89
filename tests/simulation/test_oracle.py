from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_enel.control.outcome import outcome
from airflow_enel.domain import Bounds, RunOutcome, RunState
from airflow_enel.simulation.application import Controller
from airflow_enel.simulation.controllers import FixedSchedule
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.mode import MODES, Mode
from airflow_enel.simulation.noise import Kill, RunNoise
from airflow_enel.simulation.oracle import Oracle
from tests.support.builders.simulated import ELASTIC, LOOP, quiet, simulated

BOUNDS = Bounds(2, 20)
LONG = JobDescription(
    "long",
    600.0,
    (Phase("load", fixed_s=200.0), Phase("iteration", count=6, parallel_s=600.0, cached=True)),
)
"""200 s that no executor shortens, then 3,600 executor-seconds."""


def run(
    job: JobDescription, controller: Controller, noise: RunNoise, mode: Mode = ELASTIC
) -> RunOutcome:
    ended = simulated(job, controller, noise, mode)
    return outcome(ended, 0, job.target_s, RunState.SUCCEEDED)


def oracle(job: JobDescription, noise: RunNoise | None = None, mode: Mode = ELASTIC) -> RunOutcome:
    noise = noise or quiet(job, mode)
    return run(job, Oracle(job, mode, noise, BOUNDS), noise, mode)


def statics(job: JobDescription, noise: RunNoise, mode: Mode = ELASTIC) -> list[RunOutcome]:
    count = len(job.components())
    return [run(job, FixedSchedule([size] * count), noise, mode) for size in BOUNDS.candidates]


def test_it_is_small_where_executors_do_not_help_and_grows_in_time() -> None:
    ended = oracle(LONG)
    assert ended.violation_s == 0
    in_time = [s for s in statics(LONG, quiet(LONG)) if s.violation_s == 0]
    assert ended.executor_seconds < 0.8 * min(s.executor_seconds for s in in_time)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_it_is_in_time_where_a_constant_size_is(mode: str) -> None:
    for target_s in (420.0, 520.0, 700.0):
        job = replace(LONG, target_s=target_s)
        noise = quiet(job, MODES[mode])
        best = min(s.violation_s or 0.0 for s in statics(job, noise, MODES[mode]))
        assert oracle(job, noise, MODES[mode]).violation_s == pytest.approx(best, abs=1e-9)


def test_it_prepares_for_failures_that_it_knows() -> None:
    kills = [Kill(90.0 * n + 210, 0.5, 40.0) for n in range(6)]
    noise = quiet(LONG, kills=kills)
    assert oracle(LONG, noise).violation_s == 0
    assert oracle(LONG, noise).executor_seconds > oracle(LONG).executor_seconds


def test_where_nothing_is_in_time_it_is_hardly_later_than_the_fastest_size() -> None:
    job = replace(LONG, target_s=300.0)
    fastest = min(s.violation_s or 0.0 for s in statics(job, quiet(job)))
    assert oracle(job).violation_s <= 1.1 * fastest


def test_it_takes_the_smallest_size_where_time_is_plenty() -> None:
    ended = oracle(replace(LOOP, target_s=10_000.0))
    assert (ended.executors_at_start, ended.rescales) == (2, 0)
