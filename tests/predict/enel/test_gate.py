"""How far corrections are trusted, and what that can cost at most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict.enel.gate import (
    CLOSED,
    LEAST_PRIOR,
    LOSS_FROM_START,
    LOSS_OF_STRETCH,
    MANY_JOBS,
    Gates,
    JudgedForecasts,
    judge_group,
    judge_job,
    phase_of,
    starting,
)

RNG = np.random.default_rng(0)
NONE = CLOSED.start
LIMIT = 0.25

numbers = st.floats(-1.0, 1.0)
runs = st.lists(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3), max_size=60)


def judged(residual, correction, runs=None, phase=0):
    """One forecast per run unless told otherwise."""
    residual, correction = np.array(residual, float), np.array(correction, float)
    run = np.arange(residual.size) if runs is None else np.array(runs)
    return JudgedForecasts(run, np.full(residual.size, phase), residual, correction)


def excess(gate, moments):
    """What one run costs beyond the prior, and the gate after it."""
    residual, correction = np.array(moments).T
    cost = np.abs(residual - gate.applied(correction)) - np.abs(residual)
    return cost.mean(), gate.after(judged(residual, correction, [0] * residual.size))


@given(runs)
def test_all_runs_together_never_cost_more_than_the_bound(moments):
    gate, total = starting(LIMIT), 0.0
    for of_run in moments:
        cost, gate = excess(gate, of_run)
        total += cost
        assert total <= LIMIT * LOSS_FROM_START + 1e-9


@given(runs, st.integers(0, 60))
def test_no_stretch_of_runs_costs_more_than_its_bound(moments, begin):
    gate, total = starting(LIMIT), 0.0
    for number, of_run in enumerate(moments):
        cost, gate = excess(gate, of_run)
        total += cost if number >= begin else 0.0
        assert total <= LIMIT * LOSS_OF_STRETCH + 1e-9
        assert 1.0 - gate.half - gate.whole >= LEAST_PRIOR - 1e-9


def test_an_adversary_that_knows_the_gate_cannot_break_the_bound():
    """It lets the network win while that costs most to follow, and lose when the gate is open."""
    gate, costs = starting(LIMIT), []
    for number in range(400):
        wins = gate.share < 0.6 if number % 80 < 60 else False
        cost, gate = excess(gate, [(LIMIT if wins else -LIMIT, LIMIT)])
        costs.append(cost)
    sums = np.concatenate([[0.0], np.cumsum(costs)])
    assert max(sums[b:].max() - sums[b] for b in range(400)) > 0.5 * LIMIT
    assert max(sums[b:].max() - sums[b] for b in range(400)) <= LIMIT * LOSS_OF_STRETCH
    assert sums.max() <= LIMIT * LOSS_FROM_START


def test_a_correction_that_is_always_right_opens_the_gate():
    off = RNG.normal(0, 0.3, 12)
    assert judge_job(NONE, judged(off, off)).share > 0.85


def test_one_that_goes_twice_too_far_is_used_by_half():
    off = RNG.choice([-0.3, 0.3], 30)
    gate = judge_job(NONE, judged(off, 2 * off))
    assert gate.share == pytest.approx(0.5, abs=0.05)
    assert gate.half > 0.9


def test_one_that_is_wrong_closes_it_and_one_that_turns_wrong_does_so_within_a_few_runs():
    off = RNG.normal(0, 0.3, 8)
    gate = judge_job(NONE, judged(off, off))
    assert judge_job(NONE, judged(off, -off)).share < 0.05
    wrong = [0.3] * 5
    assert gate.after(judged(wrong, [-0.3] * 5)).share < 0.1 * gate.share


def test_runs_that_were_judged_one_by_one_or_together_say_the_same():
    off, correction = RNG.normal(0, 0.3, (2, 9))
    gate = starting(LIMIT)
    one_by_one = gate
    for residual, of in zip(off, correction, strict=True):
        one_by_one = one_by_one.after(judged([residual], [of]))
    together = gate.after(judged(off, correction))
    assert (together.half, together.whole) == pytest.approx((one_by_one.half, one_by_one.whole))


def test_no_correction_is_larger_than_those_that_were_judged():
    gate = judge_job(NONE, judged([0.1, -0.2], [0.1, -0.2]))
    assert gate.limit == 0.2
    assert gate.applied(np.array([5.0])) == pytest.approx(gate.applied(np.array([0.2])))
    again = judge_job(gate, judged([0.9], [0.9]))
    assert again.limit == 0.2


def test_a_network_that_corrects_nothing_has_a_closed_gate():
    gate = judge_job(NONE, judged([0.1, -0.2], [0.0, 0.0]))
    assert gate.share == 0.0
    assert gate.applied(np.array([0.5])) == 0.0


@pytest.mark.parametrize("jobs", [1, MANY_JOBS - 1])
def test_few_jobs_open_no_gate_for_another_however_sure_and_long_they_are(jobs):
    off = RNG.normal(0, 0.3, 50)
    assert judge_group(NONE, [judged(off, off)] * jobs) == NONE


def test_many_jobs_open_it_to_where_gates_start_and_close_it_again():
    off = RNG.choice([-0.3, 0.3], 2)
    gate = judge_group(NONE, [judged(off, off)] * MANY_JOBS)
    assert gate == starting(0.3)
    assert judge_group(gate, [judged(off, -off)] * MANY_JOBS) == NONE
    assert judge_group(gate, [judged(off, -off)]) == gate


def test_many_jobs_of_which_as_many_lose_as_gain_open_none():
    off = RNG.choice([-0.3, 0.3], 20)
    helped, harmed = judged(off, off), judged(off, -off)
    assert judge_group(NONE, [helped, harmed] * MANY_JOBS) == NONE


def test_each_phase_is_judged_by_its_own_forecasts():
    off = RNG.choice([-0.3, 0.3], 12)
    gates = CLOSED.after(judged(off, off, phase=1))
    assert gates.shares == (0.0, pytest.approx(gates.early.share), 0.0)
    assert gates.early.share > 0.85
    assert CLOSED.after_group([judged(off, off, phase=2)] * MANY_JOBS) == Gates(
        NONE, NONE, starting(0.3)
    )


def test_the_forecast_before_the_start_counts_as_much_as_all_later_ones():
    phase = np.array([0.0, 2.0, 2.0])
    residual, correction = np.array([[0.3, 0.0, 0.0], [0.3, 0.1, 0.1]])
    one = JudgedForecasts(np.zeros(3), phase, residual, correction)
    assert one.gain(lambda c: c) == pytest.approx([0.3 / 2 - 0.1 / 2])


def test_phases_follow_the_share_of_finished_components():
    assert [phase_of(finished, 16 - finished) for finished in (0, 1, 2, 3, 16)] == [0, 1, 1, 2, 2]
