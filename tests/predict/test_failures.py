"""What is learned of lost executors, against the parameters of the simulator."""

from __future__ import annotations

from dataclasses import replace
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.predict import Conditional
from airflow_enel.predict.failures import FailureModel
from airflow_enel.simulation.job import CachePenalty, JobDescription, Phase, Stall
from airflow_enel.simulation.mode import MODES, Mode
from airflow_enel.simulation.noise import KILL_WINDOW_S
from tests.support.builders.past_runs import past_run
from tests.support.builders.simulated import past_run_of

STALL = Stall(median_s=15.0, log_sd=0.5)
LOOP = JobDescription(
    name="loop",
    target_s=600.0,
    stall=STALL,
    phases=(
        Phase("load", fixed_s=20.0, log_sd=0.05),
        Phase("step", count=14, fixed_s=6.0, parallel_s=240.0, run_log_sd=0.03, log_sd=0.04),
    ),
)
CACHED = replace(
    LOOP,
    phases=(
        *LOOP.phases[:1],
        Phase(
            "step",
            count=14,
            fixed_s=20.0,
            log_sd=0.04,
            cached=True,
            cache=CachePenalty(executors=12.0, seconds=60.0),
        ),
    ),
)


def history(job: JobDescription, mode: Mode, calm: int = 20, failing: int = 10) -> list[PastRun]:
    return [
        past_run_of(job, [4 + number * 5 % 13] * 15, number, mode, failing=number >= calm)
        for number in range(calm + failing)
    ]


@pytest.fixture(scope="module")
def lossy() -> list[PastRun]:
    return history(LOOP, MODES["elastic"])


def model_of(runs: list[PastRun]) -> FailureModel:
    return Conditional().fit(runs).cluster().failures


def test_the_rate_and_the_stalls_of_losses_are_learned(lossy: list[PastRun]) -> None:
    model = model_of(lossy)
    assert 1 / model.loss_rate == pytest.approx(KILL_WINDOW_S, rel=0.2)
    mean_s = STALL.median_s * exp(STALL.log_sd**2 / 2)
    assert model.stall_s == pytest.approx(mean_s, rel=0.25)
    square = STALL.median_s**2 * exp(2 * STALL.log_sd**2)
    assert model.stall_square == pytest.approx(square, rel=0.4)


def test_without_losses_a_few_usual_ones_are_assumed() -> None:
    model = model_of([past_run(n, 4 + n) for n in range(6)])
    assert (model.stall_s, model.stall_square) == (25.0, 625.0)
    assert model.prior < 0.02
    assert model.capacity_lost == 0


def test_the_next_run_is_likely_to_fail_after_one_that_did(lossy: list[PastRun]) -> None:
    assert model_of(lossy).prior > 0.8
    calm_again = [*lossy, *(past_run_of(LOOP, [8] * 15, number) for number in (30, 31))]
    assert model_of(calm_again).prior < 0.2


@pytest.mark.parametrize("job", [LOOP, CACHED], ids=["no cache", "cache"])
def test_capacity_is_not_taken_for_lost_where_replacements_make_up_for_it(
    job: JobDescription,
) -> None:
    assert model_of(history(job, MODES["elastic"])).capacity_lost == 0


def test_capacity_that_losses_take_for_good_is_learned() -> None:
    runs = history(CACHED, MODES["as-published"], calm=26, failing=14)
    assert model_of(runs).capacity_lost in (1.5, 2.0)  # 1.75


def test_capacity_is_learned_although_every_component_after_a_loss_has_losses_of_its_own() -> None:
    step = replace(CACHED.phases[1], count=5, fixed_s=60.0, cache=CachePenalty(24.0, 500.0))
    slow = replace(CACHED, phases=(CACHED.phases[0], step))
    mode = MODES["as-published"]
    calm = [past_run_of(slow, [4 + n * 5 % 26] * 6, n, mode) for n in range(26)]
    failing = [past_run_of(slow, [25 + n % 3] * 6, n, mode, failing=True) for n in range(26, 36)]
    assert model_of([*calm, *failing]).capacity_lost in (1.5, 2.0)


def test_long_stalls_are_not_taken_for_lost_capacity() -> None:
    phases = (Phase("step", count=15, parallel_s=600.0, log_sd=0.02),)
    slow = replace(LOOP, stall=Stall(median_s=30.0, log_sd=0.2), phases=phases)
    assert model_of(history(slow, MODES["elastic"])).capacity_lost == 0


def test_one_run_is_no_proof_that_losses_take_capacity() -> None:
    step = replace(CACHED.phases[1], count=60, fixed_s=5.0, cache=CachePenalty(12.0, 15.0))
    long = replace(CACHED, phases=(CACHED.phases[0], step))
    mode = MODES["as-published"]
    calm = [past_run_of(long, [4 + n * 5 % 13] * 61, n, mode) for n in range(16)]
    failing = [past_run_of(long, [14 + n % 2] * 61, n, mode, failing=True) for n in range(16, 19)]
    assert model_of([*calm, *failing[:1]]).capacity_lost == 0
    assert model_of([*calm, *failing]).capacity_lost > 0


def test_several_losses_in_one_component_are_several_stalls() -> None:
    slow = replace(LOOP, phases=(Phase("wait", count=3, fixed_s=400.0, log_sd=0.01),))
    runs = [past_run_of(slow, [6] * 3, n, failing=n >= 8) for n in range(16)]
    mean_s = STALL.median_s * exp(STALL.log_sd**2 / 2)
    assert model_of(runs).stall_s == pytest.approx(mean_s, rel=0.25)


@given(st.floats(0.001, 0.999), st.floats(1e-6, 1.0), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_longer_nothing_was_lost_the_less_is_a_run_a_failing_one(
    prior: float, rate: float, first_s: float, more_s: float
) -> None:
    model = FailureModel(prior, rate, 25.0, 625.0, 0.0)
    start = Progress.at_start(Bounds(1, 9))
    at_start = model.at(start)
    early, late = (
        model.at(replace(start, elapsed_s=at)).failing for at in (first_s, first_s + more_s)
    )
    assert at_start.failing == pytest.approx(prior)
    assert 0 <= late <= early <= prior + 1e-12
    assert model.at(replace(start, elapsed_s=first_s, lost=1)).failing == 1
