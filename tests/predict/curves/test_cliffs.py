import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_enel.predict.curves.cells import Cells
from airflow_enel.predict.curves.cliffs import HEIGHT_LOG_SD, MOST_PLACES, Cliffs
from airflow_enel.predict.curves.component_curves import ComponentCurves

ALL = np.arange(4.0, 37.0)


def seconds_at(executors: np.ndarray, place: float, height: float, jump: float = 0.0) -> np.ndarray:
    lacking = np.where(executors < place, 1 - executors / place + jump, 0.0)
    return 20 / executors + height * lacking


def fitted(sizes: np.ndarray, seconds: np.ndarray, log_sd: float = 0.0) -> ComponentCurves:
    noise = log_sd * np.random.default_rng(4).normal(size=sizes.size)
    log_s = (np.log(seconds) + noise)[:, None]
    curves, *_ = ComponentCurves.fit(sizes[:, None], log_s, np.ones_like(log_s))
    return curves


@pytest.mark.parametrize("height", [3.0, 20.0, 200.0, 2000.0])
def test_no_height_is_too_small_or_too_large(height):
    truth = seconds_at(ALL, 24.0, height)
    found = np.exp(fitted(ALL, truth).posterior.mean(ALL))[:, 0]
    assert found == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("place", [7.0, 13.0, 24.0, 25.0, 35.0])
def test_a_cliff_can_be_at_each_of_many_sizes(place):
    truth = seconds_at(ALL, place, 190.0, 0.04)
    found = np.exp(fitted(ALL, truth, 0.1).at(ALL))[:, 0]
    assert found == pytest.approx(truth, rel=0.25)


def test_few_runs_below_a_cliff_leave_those_above_alone():
    sizes = np.array([6.0, 20.0, *[24.0, 27.0, 30.0] * 6])
    found = np.exp(fitted(sizes, seconds_at(sizes, 24.0, 300.0)).at(sizes))[:, 0]
    assert found == pytest.approx(seconds_at(sizes, 24.0, 300.0), rel=0.15)


def test_heights_differ_between_components_with_the_same_cliff():
    log_s = np.log(np.stack([seconds_at(ALL, 24.0, h) for h in (5.0, 50.0, 500.0)], axis=-1))
    curves, *_ = ComponentCurves.fit(np.repeat(ALL[:, None], 3, axis=1), log_s, np.ones_like(log_s))
    assert np.exp(curves.posterior.mean(ALL) - log_s) == pytest.approx(1.0, abs=0.15)


def test_what_was_seen_on_one_side_only_is_uncertain_on_the_other():
    sizes = np.array([24.0, 30.0, 36.0] * 4)
    log_sd = fitted(sizes, 400 / sizes, 0.05).log_sd(np.array([8.0, 30.0]))[:, 0]
    assert log_sd[0] > 4 * log_sd[1]


def test_two_sizes_have_no_cliff():
    assert not Cliffs.of(np.array([4.0, 8.0]), 6.0).place.size


def test_places_are_bounded_whatever_the_number_of_sizes():
    cliffs = Cliffs.of(np.arange(1.0, 2000.0), 50.0)
    assert np.unique(cliffs.place).size == MOST_PLACES


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(
        st.tuples(st.integers(1, 5000), st.floats(1e-3, 1e7), st.floats(1e-3, 1.0)),
        min_size=1,
        max_size=12,
    )
)
def test_any_samples_give_finite_curves(samples):
    sizes, seconds, weight = np.array(samples, dtype=float).T
    curves, off, own_pull = ComponentCurves.fit(
        sizes[:, None], np.log(seconds)[:, None], weight[:, None]
    )
    asked = np.array([1.0, 7.0, 300.0, 10_000.0])
    values = (curves.at(asked), curves.log_sd(asked), off, own_pull)
    assert all(np.isfinite(v).all() for v in values)
    assert (curves.log_sd(asked) >= 0).all()


def test_a_height_is_as_uncertain_as_the_samples_below_its_cliff_leave_it():
    sizes = np.array([8.0, 12.0, 24.0, 30.0])
    mean = np.log(seconds_at(sizes, 20.0, 100.0))[:, None].repeat(2, axis=1)
    mass = np.array([[5.0, 0.0], [5.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    none = np.zeros((0, 2), dtype=np.intp)
    heights = Cliffs.of(sizes, 18.0).fit(
        sizes, Cells((none, none), mass, mean * (mass > 0), np.zeros(2))
    )
    of_24 = np.flatnonzero(Cliffs.of(sizes, 18.0).place == 24.0)
    assert heights.variance[of_24, 1] == pytest.approx(HEIGHT_LOG_SD**2)
    assert (heights.variance[of_24, 0] < 0.1).all()
