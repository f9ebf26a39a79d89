import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds
from airflow_enel.predict import Conditional
from airflow_enel.predict.gaussian.lasting_shift import LastingShift
from tests.support.builders.past_runs import at, components, past_run

NAMES = "abcdefgh"
BOUNDS = Bounds(2, 6)


def shift_of(off, limit=0.2, disturbed=None) -> LastingShift:
    limits = np.broadcast_to(np.asarray(limit, dtype=float), (len(off),))
    return LastingShift.of(np.array(off), limits, np.array(disturbed or [0.0] * len(off)))


def test_one_component_that_is_far_off_makes_the_others_less_certain():
    assert shift_of([0.0, 0.0, 0.9]) == LastingShift(0.0, pytest.approx(0.7 / 2))
    assert shift_of([9.0]).log_sd == pytest.approx(np.log(2.0))


def test_two_in_a_row_are_a_change_of_the_run():
    found = shift_of([0.0, 0.9, 0.9])
    assert found.log_shift == pytest.approx(0.7 * 2 / 3)
    assert found.log_sd == pytest.approx(0.7 / 3)


def test_what_is_no_outlier_is_no_change():
    assert shift_of([0.1, -0.1, 0.15]) == LastingShift()


def test_the_more_show_it_the_surer_it_is():
    few, many = shift_of([0.9] * 2), shift_of([0.9] * 8)
    assert few.log_shift < many.log_shift < 0.7
    assert many.log_sd < few.log_sd


def test_a_run_that_is_as_usual_again_has_not_changed_for_good():
    assert shift_of([0.9, 0.9, 0.9, 0.0]) == LastingShift()


def test_only_the_latest_of_opposite_deviations_counts():
    assert shift_of([-0.9, -0.9, 0.9]) == shift_of([0.9])


def test_faster_runs_count_as_slower_ones():
    assert shift_of([-0.9, -0.9]).log_shift == -shift_of([0.9, 0.9]).log_shift


def test_components_that_vary_that_much_anyway_hide_no_change():
    assert shift_of([0.9, 0.9, 0.0], limit=[0.2, 0.2, 1.5]).log_shift > 0


def test_stalls_by_executors_that_come_or_go_are_no_change():
    assert shift_of([0.9, 0.9], disturbed=[1.0, 1.0]) == LastingShift()
    assert shift_of([0.9, 0.9, 0.0], disturbed=[0.0, 0.0, 1.0]).log_shift > 0


@given(
    st.lists(st.tuples(st.floats(-9, 9), st.floats(0.01, 5), st.sampled_from((0.0, 1.0)))),
)
def test_it_never_exceeds_what_was_seen(components_):
    off, limit, disturbed = np.array(components_).reshape(-1, 3).T
    found = LastingShift.of(off, limit, disturbed)
    assert abs(found.log_shift) <= np.abs(off).max(initial=0.0)
    assert 0 <= found.log_sd < np.inf


@pytest.mark.parametrize("runs", [5, 12, 30])
def test_forecasts_follow_an_input_that_has_doubled_inside_the_run(runs):
    rng = np.random.default_rng(0)
    past = [
        past_run(n, 3 + n % 2, (5.0 * np.exp(0.03 * rng.normal(size=8))).tolist(), NAMES)
        for n in range(runs)
    ]
    progress = at(components(4, [5.0, 5.0, 12.0, 12.0, 12.0], NAMES[:5]), executors=4)
    found = Conditional().fit(past).forecast_components(progress, BOUNDS)
    assert found is not None
    now = found.executors.index(4)
    assert np.exp([row[now] for row in found.log_median]).min() > 7.5
