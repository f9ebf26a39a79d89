import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict import Bell
from airflow_enel.predict.curves.bell import BellCurves
from airflow_enel.predict.curves.walk_forward import fit_walk_forward
from airflow_enel.predict.samples import Samples
from airflow_enel.predict.spread import walk_forward_blocks

ASKED = np.arange(1.0, 41.0)
ROUNDING = 1e-6
"""Sums in another order; between far scale-outs the kernel's line magnifies that."""


def history(seed: int, runs: int, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Executors and seconds of components, some of which some runs did not have: ``(n, m)``."""
    chance = np.random.default_rng(seed)
    executors = chance.choice(chance.choice(np.arange(2, 40), 9), (runs, components)).astype(float)
    executors += np.where(chance.random(executors.shape) < 0.3, chance.uniform(-0.5, 0.5), 0.0)
    cliff = np.where(executors < 20, 4.0, 1.0) * (chance.random(components) < 0.5)
    seconds = (5 + 100 / executors) * (1 + cliff) * chance.lognormal(0, 0.1, executors.shape)
    absent = chance.random(executors.shape) < 0.2
    absent[chance.integers(runs), :] = False
    return np.where(absent, np.nan, executors), np.where(absent, np.nan, seconds)


histories = st.builds(history, st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 6))


def usable(seconds: np.ndarray, runs: int) -> np.ndarray:
    return ~np.isnan(seconds) & (np.arange(len(seconds))[:, None] < runs)


def one_by_one(executors: np.ndarray, seconds: np.ndarray) -> Bell:
    there = ~np.isnan(seconds)
    return Bell().fit(executors[there], seconds[there])


@given(histories)
def test_curves_of_many_components_are_those_of_each_alone(made):
    executors, seconds = made
    there = ~np.isnan(seconds)
    samples = Samples.of(*(np.where(there, values, 1.0).T for values in made), there.T)
    curves = BellCurves.fit(samples)
    alone = [one_by_one(x, y) for x, y in zip(executors.T, seconds.T, strict=True)]
    assert curves.models == [bell.model for bell in alone]
    together_s = curves.at(np.tile(ASKED, (seconds.shape[1], 1)))
    np.testing.assert_allclose(together_s, [bell.predict(ASKED) for bell in alone], rtol=ROUNDING)


@given(histories)
def test_later_runs_are_predicted_by_curves_of_the_earlier_ones(made):
    executors, seconds = made
    _, (actual_s, predicted_s) = fit_walk_forward(*made, lambda runs: usable(seconds, runs))
    row = 0
    for begin, end in walk_forward_blocks(len(seconds)):
        for run in range(begin, end):
            for column in range(seconds.shape[1]):
                known = ~np.isnan(seconds[:begin, column])
                if np.isnan(seconds[run, column]) or not known.any():
                    assert actual_s[row, column] * predicted_s[row, column] == 0
                    continue
                bell = one_by_one(executors[:begin, column], seconds[:begin, column])
                assert actual_s[row, column] == seconds[run, column]
                assert predicted_s[row, column] == pytest.approx(
                    bell.predict(executors[run, column])[0], rel=ROUNDING
                )
            row += 1
    assert row == len(actual_s)
