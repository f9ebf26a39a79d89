"""How far corrections are trusted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict.enel.gate import HeldOutForecasts, fit_gates, phase_of

RNG = np.random.default_rng(0)


def judged(residual, correction, runs=None):
    """One forecast per run unless told otherwise."""
    residual, correction = np.array(residual, float), np.array(correction, float)
    run = np.arange(residual.size) if runs is None else np.array(runs)
    later = np.concatenate([[False], np.diff(run) == 0])[: run.size]
    return HeldOutForecasts(run, later * 2.0, residual, correction)


def test_a_correction_that_is_always_right_is_used_whole():
    off = RNG.normal(0, 0.3, 8)
    assert fit_gates([judged(off, off)]) == (pytest.approx(1.0), (pytest.approx(1.0),))


def test_one_that_goes_twice_too_far_is_used_by_half():
    off = RNG.normal(0, 0.3, 8)
    assert fit_gates([judged(off, 2 * off)])[1] == (pytest.approx(0.5),)


def test_one_that_is_wrong_is_not_used():
    off = RNG.normal(0, 0.3, 8)
    assert fit_gates([judged(off, -off)]) == (0.0, (0.0,))


def test_a_gain_within_one_standard_error_opens_no_gate():
    off = np.array([0.3, -0.3, 0.3, -0.3])
    correction = np.array([0.3, 0.3, 0.3, -0.2])
    assert judged(off, correction).sums()[0] > 0
    assert fit_gates([judged(off, correction)]) == (0.0, (0.0,))


def test_a_job_with_few_runs_has_the_gate_of_all():
    off = RNG.normal(0, 0.3, 8)
    pooled, (_, few, none) = fit_gates([judged(off, off), judged([0.1], [-0.1]), judged([], [])])
    assert few == none == pooled > 0.9


def test_gains_of_a_few_runs_open_no_gate_for_jobs_that_have_no_say():
    """One run each of four jobs may well gain by luck."""
    jobs = [judged([off], [off]) for off in (0.05, 0.2, 0.1, 0.3)]
    assert fit_gates(jobs) == (0.0, (0.0,) * 4)
    again = [judged([off], [off]) for off in (0.05, 0.2, 0.1, 0.3) * 3]
    assert fit_gates(again)[0] > 0.9


def test_a_job_that_it_harms_is_closed_though_it_helps_the_others():
    off = RNG.normal(0, 0.3, 30)
    pooled, (helped, harmed) = fit_gates([judged(off, off), judged([0.3] * 4, [-0.3] * 4)])
    assert pooled > 0.5
    assert helped > 0.5
    assert harmed == 0.0


def test_the_forecast_before_the_start_counts_as_much_as_all_later_ones():
    one = judged([0.3, 0.0, 0.0], [0.3, 0.1, 0.1], runs=[0, 0, 0])
    assert one.gain(1.0) == pytest.approx([0.3 / 2 - 0.1 / 2])


def test_phases_follow_the_share_of_finished_components():
    assert [phase_of(finished, 16 - finished) for finished in (0, 1, 2, 3, 16)] == [0, 1, 1, 2, 2]


def test_a_phase_is_judged_by_its_own_forecasts():
    both = judged([0.3, 0.1], [0.2, 0.4], runs=[0, 0])
    assert both.of_phase(2).residual.tolist() == [0.1]
    assert both.of_phase(1).runs == 0


def test_fine_tuning_keeps_the_gates_it_cannot_judge():
    assert fit_gates([judged([0.1], [-0.1])], before=(0.4, [0.6])) == (0.4, (0.6,))


def test_fine_tuning_closes_a_gate_by_a_sure_loss_only():
    off = np.array([0.3, -0.3, 0.3, -0.3])
    doubtful = judged(off, [0.3, 0.3, 0.3, -0.2])
    assert fit_gates([doubtful]) == fit_gates([doubtful], before=(0.0, [0.0])) == (0.0, (0.0,))
    pooled, (own,) = fit_gates([doubtful], before=(0.8, [0.9]))
    assert 0 < pooled < own < 0.9
    assert fit_gates([judged(off, -off)], before=(0.8, [0.9])) == (0.0, (0.0,))


def test_fine_tuning_opens_a_gate_by_a_sure_gain():
    off = RNG.normal(0, 0.3, 12)
    pooled, (own,) = fit_gates([judged(off, off)], before=(0.0, [0.0]))
    assert pooled == own > 0.5


def test_no_job_at_all_has_a_closed_gate():
    assert fit_gates([]) == (0.0, ())


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=12))
def test_gates_lie_between_0_and_1_and_never_harm_the_runs_they_were_judged_by(pairs):
    job = judged([r for r, _ in pairs], [c for _, c in pairs])
    pooled, (own,) = fit_gates([job])
    for gate in (pooled, own):
        assert 0 <= gate <= 1
        assert not pairs or job.gain(gate).mean() >= 0
