from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.comparison import paired_bootstrap
from tests.support.builders.predictions import prediction


def pair(run, first, second, job="job"):
    """Forecasts of one run with these errors in percent."""
    made = replace(prediction(100, 100), run_id=str(run), job=job)
    return [
        replace(made, forecaster="a", predicted_s=100 + first),
        replace(made, forecaster="b", predicted_s=100 + second),
    ]


def test_the_same_errors_are_a_ratio_of_one_without_doubt():
    made = [p for run in range(8) for p in pair(run, run, run)]
    found = paired_bootstrap(made, "a", "b")
    assert (found.ratio, found.low, found.high, found.runs) == (1.0, 1.0, 1.0, 8)


def test_half_the_error_in_every_run_is_half_in_every_sample():
    made = [p for run in range(1, 9) for p in pair(run, run, -2 * run)]
    found = paired_bootstrap(made, "a", "b")
    assert (found.ratio, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))


def test_what_one_run_decides_is_in_doubt():
    made = [p for run in range(9) for p in pair(run, 10, 10)] + pair(9, 0, 90)
    found = paired_bootstrap(made, "a", "b")
    assert found.ratio == pytest.approx(0.5)
    assert found.low < 0.5
    assert found.high == pytest.approx(1.0)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    chance, held = np.random.default_rng(5), 0
    for _ in range(200):
        errors = chance.exponential(10.0, (40, 2))
        made = [p for run, of in enumerate(errors) for p in pair(run, *of)]
        found = paired_bootstrap(made, "a", "b", resamples=400)
        held += found.low <= 1.0 <= found.high
    assert 180 <= held <= 198


def test_jobs_count_alike_however_many_runs_they_have():
    made = [p for run in range(9) for p in pair(run, 10, 20)] + pair(0, 30, 20, job="other")
    assert paired_bootstrap(made, "a", "b").ratio == pytest.approx(1.0)


def test_runs_that_only_one_has_forecast_do_not_count():
    made = [*pair(1, 10, 20), pair(2, 10, 20)[0], *pair(3, 10, 20)[:1], *pair(4, 10, 20)]
    found = paired_bootstrap(made, "a", "b")
    assert (found.ratio, found.runs) == (pytest.approx(0.5), 2)


def test_without_a_common_run_there_is_nothing_to_compare():
    assert paired_bootstrap(pair(1, 10, 20)[:1], "a", "b") is None
    assert paired_bootstrap([], "a", "b") is None


def test_the_same_seed_gives_the_same_interval():
    made = [p for run in range(9) for p in pair(run, run**1.5, 10)]
    assert paired_bootstrap(made, "a", "b") == paired_bootstrap(made, "a", "b")
    assert paired_bootstrap(made, "a", "b") != paired_bootstrap(made, "a", "b", seed=1)
