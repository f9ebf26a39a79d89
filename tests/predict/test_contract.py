"""What every forecaster must do, whatever it models."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds, Forecast, PastRun, Progress
from airflow_enel.predict import BellRuntime, Conditional, Ellis, Forecaster
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.gate import OPEN
from airflow_enel.predict.enel.model import EnelModel
from tests.support.builders.graphs import random_weights
from tests.support.builders.past_runs import NAMES, at, component, components, past_run, runs_of
from tests.support.fakes.models import MANIFEST


def networked() -> Enel:
    """With a network that says anything at all and is trusted."""
    manifest = replace(MANIFEST, config=DEFAULT.name, jobs=(), pooled=OPEN)
    return Enel(EnelModel(manifest, DEFAULT, random_weights(DEFAULT)), "job")


FORECASTERS = [BellRuntime, Ellis, Conditional, Enel, networked]
ROBUST = (Conditional, Enel, networked)  # the others are baselines: Ernest and Bell take means
BOUNDS = Bounds(2, 12)
SIZES = (12, 6, 3, 9, 4, 8, 5, 10)

pytestmark = pytest.mark.parametrize("forecaster", FORECASTERS)


def history(runs: int) -> list[PastRun]:
    return [past_run(number, SIZES[number % len(SIZES)]) for number in range(runs)]


def mid_run(executors: int = 6) -> Progress:
    parts = components(executors, [15.0] * 5)
    return at(parts[:2], runs_of(parts[2]), executors)


def disturbed(run: PastRun) -> PastRun:
    return replace(run, components=tuple(replace(c, disturbed=True) for c in run.components))


def good(forecast: Forecast | None) -> Forecast:
    assert forecast is not None
    assert forecast.executors == BOUNDS.candidates
    assert all(0 < m < float("inf") for m in forecast.median_s)
    assert all(0.05 <= s <= 2.0 for s in forecast.log_sd)
    return forecast


def test_there_is_no_forecast_without_history(forecaster):
    assert forecaster().predict(mid_run(), BOUNDS) is None
    assert forecaster().fit([]).predict(mid_run(), BOUNDS) is None
    assert forecaster().fit(history(3)).fit([]).predict(mid_run(), BOUNDS) is None


@pytest.mark.parametrize("runs", [1, 2, 3, 8, 30])
def test_few_runs_give_a_forecast_before_and_in_the_run(forecaster, runs):
    fitted = forecaster().fit(history(runs))
    good(fitted.predict(Progress.at_start(BOUNDS), BOUNDS))
    good(fitted.predict(mid_run(), BOUNDS))


def test_one_run_is_trusted_little(forecaster):
    forecast = forecaster().fit(history(1)).predict(Progress.at_start(BOUNDS), BOUNDS)
    assert min(good(forecast).log_sd) >= 0.3


def test_many_equal_runs_are_trusted_more(forecaster):
    forecast = forecaster().fit(history(30)).predict(Progress.at_start(BOUNDS), BOUNDS)
    assert max(good(forecast).log_sd) < 0.1


def test_recovers_the_total_of_an_ernest_curve(forecaster):
    forecast = good(forecaster().fit(history(8)).predict(Progress.at_start(BOUNDS), BOUNDS))
    for s, median_s in zip(forecast.executors, forecast.median_s, strict=True):
        assert median_s == pytest.approx(5 * (5 + 60 / s) + 2, rel=0.1)


@pytest.mark.parametrize(
    "past_runs",
    [
        [past_run(n, 6) for n in range(4)],
        [past_run(n, SIZES[n], [10.0] * 5) for n in range(8)],
        [*history(7), past_run(7, 10, [1500.0] * 5)],
        [past_run(0, 6, [1500.0] * 5), *history(7)[1:]],
        [past_run(n, SIZES[n], [0.0] * 5, tail_s=0.001) for n in range(8)],
        [past_run(0, 6), past_run(1, 6, [1500.0] * 5)],
        [past_run(n, 6, [10.0 * (n == 3), *([10.0] * 4)]) for n in range(6)],
        [disturbed(past_run(n, SIZES[n])) for n in range(6)],
    ],
    ids=[
        "one scale-out",
        "constant",
        "outlier last",
        "outlier first",
        "no time at all",
        "two that contradict",
        "mostly no time",
        "all disturbed",
    ],
)
def test_stays_finite_on_odd_histories(forecaster, past_runs):
    fitted = forecaster().fit(past_runs)
    good(fitted.predict(Progress.at_start(BOUNDS), BOUNDS))
    good(fitted.predict(mid_run(), BOUNDS))


@pytest.mark.parametrize(
    "names",
    [
        ("load", "save"),
        ("load", "step", "new", "other", "save"),
        ("save", "step", "load", "step", "step"),
        ("new", "newer", "newest"),
        NAMES + ("step",) * 20,
        ("step",) * 40,
    ],
    ids=["vanish", "appear", "other order", "all new", "more than ever", "many more"],
)
def test_stays_finite_when_components_differ(forecaster, names):
    fitted = forecaster().fit(history(5))
    parts = components(6, [12.0] * len(names), names)
    for count in range(len(parts) + 1):
        running = runs_of(parts[count]) if count < len(parts) else None
        good(fitted.predict(at(parts[:count], running, 6), BOUNDS))
        good(fitted.predict(at(parts[:count], None, 6), BOUNDS))


def test_an_outlier_hardly_moves_a_forecast_from_many_runs(forecaster):
    usual = forecaster().fit(history(20)).predict(mid_run(), BOUNDS)
    wild = past_run(20, 5, [100 * (5 + 60 / 5)] * 5)
    after = forecaster().fit([*history(20), wild]).predict(mid_run(), BOUNDS)
    if forecaster in ROBUST:
        assert after.median(6) == pytest.approx(usual.median(6), rel=0.1)
    assert np.all(np.isfinite(after.log_sd))


def test_intervals_hold_what_they_promise(forecaster):
    """80 % of 40 runs, within what a binomial of so many allows in 95 % of the cases."""
    rng = np.random.default_rng(7)
    past_runs = []
    for number in range(60):
        size = int(rng.integers(3, 13))
        seconds = (20 + 100 / size) * rng.lognormal(0, 0.15) * rng.lognormal(0, 0.1, 5)
        past_runs.append(past_run(number, size, seconds.tolist()))
    inside = 0
    for number in range(20, 60):
        run = past_runs[number]
        size = run.initial_executors
        forecast = good(forecaster().fit(past_runs[:number]).predict(at(), BOUNDS))
        low_s, high_s = (forecast.quantile(size, p) for p in (0.1, 0.9))
        inside += low_s <= run.runtime_s <= high_s
    assert 27 <= inside <= 37


def test_sizes_far_from_all_that_was_seen_are_trusted_less(forecaster):
    fitted = forecaster().fit([past_run(n, 12 - n % 2) for n in range(12)])
    forecast = good(fitted.predict(Progress.at_start(BOUNDS), BOUNDS))
    if forecaster in ROBUST:
        assert forecast.log_sd[0] > forecast.log_sd[-1] + 0.1


def test_stays_finite_when_past_runs_differ(forecaster):
    past_runs = [
        past_run(0, 6),
        past_run(1, 4, [9.0, 9.0], ("load", "save")),
        past_run(2, 9, [9.0] * 7, ("save", "load", "step", "step", "step", "step", "x")),
    ]
    good(forecaster().fit(past_runs).predict(mid_run(), BOUNDS))


def test_a_run_that_has_outlived_all_others_still_has_a_forecast(forecaster):
    fitted = forecaster().fit(history(5))
    parts = components(6, [1e5] * 5)
    good(fitted.predict(at(parts[:2], runs_of(parts[2]), 6, elapsed_s=1e6), BOUNDS))
    good(fitted.predict(at(parts, None, 6), BOUNDS))


def test_a_run_that_has_lost_all_executors_still_has_a_forecast(forecaster):
    good(forecaster().fit(history(5)).predict(replace(mid_run(), executors=0), BOUNDS))


def test_unfinished_components_and_useless_numbers_in_history_do_no_harm(forecaster):
    odd = replace(
        past_run(9, 6), components=(component(0, "load", 0, None), component(1, "step", 0, 5.0, 0))
    )
    useless = [
        replace(past_run(10, 6), mean_executors=0.0, components=()),
        replace(past_run(11, 6), runtime_s=0.0, components=()),
    ]
    good(forecaster().fit([*history(3), odd, *useless]).predict(mid_run(), BOUNDS))
    assert forecaster().fit(useless).predict(mid_run(), BOUNDS) is None


def test_the_order_of_past_runs_does_not_matter(forecaster):
    forward = forecaster().fit(history(8)).predict(mid_run(), BOUNDS)
    assert forecaster().fit(history(8)[::-1]).predict(mid_run(), BOUNDS) == forward


def test_repeats_itself_and_changes_nothing_it_is_given(forecaster):
    past_runs, progress = history(8), mid_run()
    first, second = forecaster().fit(past_runs), forecaster().fit(past_runs)
    expected = first.predict(progress, BOUNDS)
    assert expected == first.predict(progress, BOUNDS) == second.predict(progress, BOUNDS)
    assert first.predict(progress, Bounds(3, 5)) == second.predict(progress, Bounds(3, 5))
    assert (past_runs, progress) == (history(8), mid_run())


def test_bounds_may_reach_beyond_what_was_seen(forecaster):
    bounds = Bounds(1, 100)
    forecast = forecaster().fit(history(8)).predict(mid_run(), bounds)
    assert forecast is not None
    assert np.all(np.isfinite(forecast.median_s))


def test_says_what_it_is(forecaster):
    new: Forecaster = forecaster()
    assert repr(new).startswith(f"{type(new).__name__}(runs=0")
    assert repr(new.fit(history(3))).startswith(f"{type(new).__name__}(runs=3")
    assert new.name == good(new.predict(mid_run(), BOUNDS)).forecaster


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.lists(st.floats(0, 1e6), min_size=5, max_size=5)),
        min_size=1,
        max_size=12,
    ),
    st.floats(0, 1e7),
    st.integers(0, 20),
)
def test_is_finite_and_positive_whatever_it_has_seen(forecaster, runs, elapsed_s, executors):
    past_runs = [past_run(number, *run) for number, run in enumerate(runs)]
    progress = replace(mid_run(), elapsed_s=elapsed_s, executors=executors)
    good(forecaster().fit(past_runs).predict(progress, BOUNDS))
