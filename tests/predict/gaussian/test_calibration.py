"""How wide forecasts are when few runs are known."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_enel.domain import Bounds, Progress
from airflow_enel.predict import Conditional
from tests.support.builders.past_runs import past_run

HISTORIES = 100


def forecast(runs, executors):
    bounds = Bounds(executors, executors)
    return Conditional().fit(runs).predict(Progress.at_start(bounds), bounds)


def noisy_run(chance, number, executors, noise):
    seconds = (5 + 60 / executors) * np.exp(chance.normal(0, noise) + chance.normal(0, 0.05, 5))
    return past_run(number, executors, seconds, tail_s=0.5)


@pytest.mark.parametrize("sizes", [(4,), (4, 8), (4, 8, 12)])
def test_runs_that_a_curve_goes_through_exactly_prove_nothing_of_the_noise(sizes):
    runs = [past_run(n, size, [5 + 60 / size] * 5) for n, size in enumerate(sizes)]
    assert forecast(runs, 4).log_sd[0] > 0.25


@pytest.mark.parametrize("noise", [0.1, 0.2])
@pytest.mark.parametrize("sizes", [(4, 8), (4, 8, 12), (4, 6, 8, 12, 16, 24)])
def test_few_runs_promise_no_more_than_they_hold(sizes, noise):
    chance, held = np.random.default_rng(0), 0
    for _ in range(HISTORIES):
        runs = [noisy_run(chance, n, size, noise) for n, size in enumerate(sizes)]
        executors = int(chance.choice(sizes))
        made = forecast(runs, executors)
        new = noisy_run(chance, len(sizes), executors, noise)
        held += made.quantile(executors, 0.1) <= new.runtime_s <= made.quantile(executors, 0.9)
    assert held > 0.7 * HISTORIES
