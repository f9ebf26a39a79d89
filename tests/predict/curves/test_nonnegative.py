import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from airflow_enel.predict.curves.ernest import ernest_features
from airflow_enel.predict.curves.nonnegative import nonnegative_least_squares

seeds = st.integers(0, 10**6)


def products(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    rows = np.column_stack([features, target])
    return rows.T @ rows


def problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ernest's features at 5 to 30 sizes, and seconds that are no curve of its family."""
    chance = np.random.default_rng(seed)
    sizes = chance.choice(np.arange(1.0, 65.0), chance.integers(5, 31), replace=False)
    seconds = (
        chance.uniform(0, 30) + chance.uniform(-50, 300) / sizes + chance.uniform(-1, 2) * sizes
    )
    return ernest_features(sizes), np.abs(seconds) * chance.lognormal(0, 0.2, sizes.size)


@given(seeds)
def test_finds_what_an_active_set_solver_finds(seed):
    features, target = problem(seed)
    norms = np.linalg.norm(features, axis=0)
    expected = nnls(features / norms, target)[0] / norms
    (found,) = nonnegative_least_squares(products(features, target)[None])
    assert np.all(found >= 0)
    np.testing.assert_allclose(features @ found, features @ expected, rtol=1e-6)


@given(st.lists(seeds, min_size=2, max_size=8))
def test_many_problems_at_once_are_solved_like_each_alone(chosen):
    together = np.stack([products(*problem(seed)) for seed in chosen])
    alone = [nonnegative_least_squares(one[None])[0] for one in together]
    np.testing.assert_array_equal(nonnegative_least_squares(together), alone)


def test_a_feature_that_vanishes_gets_no_coefficient():
    features = np.array([[1.0, 0.0], [1.0, 0.0]])
    (found,) = nonnegative_least_squares(products(features, np.array([2.0, 4.0]))[None])
    np.testing.assert_allclose(found, [3.0, 0.0])


def test_of_equal_features_the_first_is_taken():
    features = np.array([[1.0, 1.0], [2.0, 2.0]])
    (found,) = nonnegative_least_squares(products(features, np.array([3.0, 6.0]))[None])
    np.testing.assert_allclose(found, [3.0, 0.0])


def test_a_target_below_zero_is_met_by_nothing():
    features = np.array([[1.0, 1.0], [1.0, 2.0]])
    (found,) = nonnegative_least_squares(products(features, np.array([-1.0, -2.0]))[None])
    np.testing.assert_array_equal(found, [0.0, 0.0])
