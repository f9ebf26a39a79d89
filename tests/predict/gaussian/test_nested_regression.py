"""Regression that adds feature after feature and averages over where to stop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict.gaussian.nested_regression import NestedRegression, Prior
from airflow_enel.predict.samples import FloatArray


def fit(
    features: FloatArray, target: FloatArray, weight: FloatArray | None = None
) -> NestedRegression:
    count = features.shape[1]
    return NestedRegression.fit(
        features[:, None, :],
        target[:, None],
        np.ones((len(target), 1)) if weight is None else weight[:, None],
        nuisance=np.ones((len(target), 1, 1)),
        prior=Prior(np.full(count, 1.0), np.full(count, 0.5), np.arange(count), 0.1, 2.0),
    )


def test_it_finds_the_coefficients_of_what_explains_the_target() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 5))
    target = 3.0 + 0.8 * features[:, 1] - 0.5 * features[:, 3] + 0.05 * rng.normal(size=40)
    assert fit(features, target).mean[0] == pytest.approx([0.0, 0.8, 0.0, -0.5, 0.0], abs=0.03)


def test_two_features_that_say_the_same_say_it_together() -> None:
    x = np.random.default_rng(2).normal(size=20)
    mean = fit(np.stack([x, 1.001 * x], axis=1), 0.7 * x).mean[0]
    assert mean.sum() == pytest.approx(0.7, abs=0.02)


def test_noise_alone_leaves_nearly_nothing() -> None:
    rng = np.random.default_rng(3)
    mean = fit(rng.normal(size=(30, 4)), 0.1 * rng.normal(size=30)).mean[0]
    assert np.abs(mean).max() < 0.02


def test_an_outlier_loses_its_weight() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(20, 1))
    target = 0.5 * x[:, 0] + 0.05 * rng.normal(size=20)
    target[7] += 2.3
    found = fit(x, target)
    assert found.weight[7, 0] < 0.05
    assert found.mean[0, 0] == pytest.approx(0.5, abs=0.05)


def test_uncertainty_grows_with_the_distance() -> None:
    x = np.linspace(-1.0, 1.0, 8)[:, None]
    found = fit(x, 0.5 * x[:, 0])
    near, far = found.variance(np.array([[0.5], [50.0]]))[:, 0]
    assert far == pytest.approx(10_000 * near)


@given(
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-9, 1.0, 1e6]),
)
def test_whatever_the_samples_are_the_result_is_finite(
    samples: int, count: int, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    features = scale * rng.integers(-2, 3, (samples, count)).astype(np.float64)
    found = fit(features, rng.normal(size=samples), rng.integers(0, 2, samples).astype(np.float64))
    assert np.isfinite(found.mean).all()
    assert (found.variance(features) >= 0).all()
    assert found.probability.sum(axis=0) == pytest.approx(1.0)
