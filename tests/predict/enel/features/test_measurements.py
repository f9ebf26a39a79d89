from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import StageMetrics
from airflow_enel.predict.enel.features.measurements import (
    LARGEST_LOG_RATIO,
    log_ratio,
    masked_mean,
    node_metrics,
    relative_features,
    scale_out,
    typical_numbers,
)

SECONDS = st.floats(allow_nan=True, allow_infinity=True)
BYTES = st.integers(-(2**63), 2**63)
NOTHING = np.zeros(5)


def test_scale_out_runs_from_0_at_one_executor_to_1_at_the_largest():
    np.testing.assert_allclose(scale_out([1, 64]), [[0, 0, 0], [1, 1, 1]])


def test_scale_out_is_the_features_of_ernest():
    np.testing.assert_allclose(
        scale_out(8), [(1 - 1 / 8) / (1 - 1 / 64), math.log(8) / math.log(64), 7 / 63]
    )


@pytest.mark.parametrize("executors", [0, -3, 0.5])
def test_no_executor_yet_counts_as_one(executors):
    assert not scale_out(executors).any()


def test_metrics_are_the_documented_ratios():
    values, mask = node_metrics(
        StageMetrics(
            executor_run_s=10,
            executor_cpu_s=4,
            gc_s=1,
            shuffle_read_bytes=300,
            shuffle_write_bytes=100,
            input_bytes=10,
            output_bytes=30,
            disk_spilled_bytes=1,
            peak_execution_memory_bytes=3,
        )
    )
    np.testing.assert_allclose(values, [0.4, 0.75, 0.25, 0.1, 0.25])
    assert mask.all()


def test_metrics_of_nothing_are_not_defined():
    values, mask = node_metrics(StageMetrics())
    assert not values.any()
    assert not mask.any()


def test_spill_without_peak_memory_is_defined():
    values, mask = node_metrics(StageMetrics(disk_spilled_bytes=5))
    assert (values[4], mask[4]) == (1.0, 1.0)


@given(SECONDS, SECONDS, SECONDS, BYTES, BYTES, BYTES, BYTES)
def test_metrics_stay_between_0_and_1_and_0_where_not_defined(a, b, c, d, e, f, g):
    values, mask = node_metrics(StageMetrics(a, b, c, d, e, f, g))
    assert ((values >= 0) & (values <= 1)).all()
    assert not values[mask == 0].any()


def test_mean_skips_what_is_not_defined():
    mean, mask = masked_mean(np.array([[1.0, 9.0], [3.0, 9.0]]), np.array([[1.0, 0], [1.0, 0]]))
    np.testing.assert_array_equal(mean, [2.0, 0.0])
    np.testing.assert_array_equal(mask, [1.0, 0.0])


@pytest.mark.parametrize(
    ("value", "reference"), [(0, 5), (5, 0), (-1, 5), (math.nan, 5), (5, math.inf)]
)
def test_ratio_of_unusable_numbers_says_as_usual(value, reference):
    assert log_ratio(value, reference) == 0.0


def test_ratio_is_limited():
    assert log_ratio(1e300, 1e-300) == LARGEST_LOG_RATIO
    assert log_ratio(2, 1) == pytest.approx(math.log(2))


def test_a_run_as_usual_has_no_relative_features():
    context = (("input_mib", 100), ("executor_cores", 4), ("rows", 7.5), ("engine", "x"))
    assert not np.round(relative_features(context, typical_numbers([context]), NOTHING), 12).any()


def test_twice_the_input_shows_in_its_own_slot():
    typical = typical_numbers([(("input_mib", 50),), (("input_mib", 200),)])
    features = relative_features((("input_mib", 200),), typical, np.arange(5))
    np.testing.assert_allclose(features, [math.log(2), 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])


def test_other_numbers_share_hashed_slots():
    typical = typical_numbers([(("rows", 10),)])
    features = relative_features((("rows", 20),), typical, NOTHING)
    assert not features[:3].any()
    assert features.sum() == pytest.approx(math.log(2))


@given(st.floats(1e-3, 1e3), st.integers(1, 10**6))
def test_another_unit_changes_nothing(factor, value):
    def features(scale):
        past = [(("rows", scale * v),) for v in (10, 20, 40)]
        return relative_features((("rows", scale * value),), typical_numbers(past), NOTHING)

    np.testing.assert_allclose(features(factor), features(1.0), atol=1e-9)


@given(st.lists(st.tuples(st.text(max_size=5), st.one_of(st.text(), st.integers(), st.floats()))))
def test_odd_contexts_give_finite_features(context):
    features = relative_features(context, typical_numbers([context]), NOTHING)
    assert (np.abs(features) <= LARGEST_LOG_RATIO).all()
