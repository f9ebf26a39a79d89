import numpy as np
import pytest

from airflow_enel.predict.spread import (
    CEILING,
    FLOOR,
    UNKNOWN,
    robust_log_sd,
    walk_forward_blocks,
)


def test_nothing_known_is_wide():
    assert robust_log_sd(np.empty(0)) == UNKNOWN == 0.3


@pytest.mark.parametrize(("n", "inflation"), [(1, 2.40), (2, 1.47), (5, 1.15), (20, 1.03)])
def test_few_residuals_widen(n, inflation):
    assert robust_log_sd(np.zeros(n)) == pytest.approx(FLOOR * inflation, rel=0.01)


def test_recovers_the_spread_of_many():
    residuals = np.random.default_rng(0).normal(0, 0.2, 4000)
    assert robust_log_sd(residuals) == pytest.approx(0.2, rel=0.05)


def test_a_single_outlier_does_not_decide():
    residuals = np.append(np.random.default_rng(0).normal(0, 0.1, 30), np.log(100))
    assert robust_log_sd(residuals) < 0.15


def test_the_interval_of_80_percent_reaches_80_percent_of_the_residuals_whatever_their_tails():
    residuals = np.random.default_rng(0).standard_t(2, 4000) / 10
    reach = 1.2816 * robust_log_sd(residuals)
    assert np.mean(np.abs(residuals) <= reach) == pytest.approx(0.8, abs=0.005)


def test_a_bias_counts():
    assert 1.2816 * robust_log_sd(np.full(50, 0.4)) >= 0.4


def test_has_a_ceiling():
    assert robust_log_sd(np.full(3, 50.0)) == CEILING


@pytest.mark.parametrize("runs", [0, 1, 2, 3, 8, 9, 50])
def test_blocks_judge_only_later_runs_and_end_with_the_last(runs):
    blocks = walk_forward_blocks(runs)
    assert all(0 < begin < end <= runs for begin, end in blocks)
    assert [end for _, end in blocks[:-1]] == [begin for begin, _ in blocks[1:]]
    assert not blocks or blocks[-1][1] == runs
    assert bool(blocks) == (runs > 1)
