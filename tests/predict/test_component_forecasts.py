"""What every forecaster of components must do, whatever it models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds, ComponentForecast, PastRun, Progress
from airflow_enel.history.wire import checked
from airflow_enel.predict import Conditional, Ellis
from airflow_enel.predict.base import ForecastsComponents
from airflow_enel.predict.component_forecasts import FEW_RUNS, MOST_INFLATION, Spreads
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.gate import OPEN, Gates
from airflow_enel.predict.enel.model import EnelModel
from airflow_enel.predict.gaussian.lognormal_sum import lognormal_sum
from tests.support.builders.graphs import random_weights
from tests.support.builders.past_runs import NAMES, at, components, past_run, runs_of
from tests.support.fakes.models import MANIFEST


def networked(gate: Gates = OPEN) -> Enel:
    """With a network that says anything at all and is trusted."""
    manifest = replace(MANIFEST, config=DEFAULT.name, jobs=(), pooled=gate)
    return Enel(EnelModel(manifest, DEFAULT, random_weights(DEFAULT)), "job")


BOUNDS = Bounds(2, 12)
SIZES = (12, 6, 3, 9, 4, 8, 5, 10)
START = Progress.at_start(BOUNDS)
every_forecaster = pytest.mark.parametrize("forecaster", [Conditional, Enel, networked, Ellis])


def history(runs: int, spread: float = 0.0) -> list[PastRun]:
    rng = np.random.default_rng(3)
    made = []
    for number in range(runs):
        size = SIZES[number % len(SIZES)]
        noise = np.exp(spread * (rng.normal() + rng.normal(size=5)))
        made.append(past_run(number, size, ((5.0 + 60.0 / size) * noise).tolist()))
    return made


def mid_run(executors: int = 6, finished: int = 2) -> Progress:
    parts = components(executors, [15.0] * 5)
    return at(parts[:finished], runs_of(parts[finished]), executors)


def good(forecast: ComponentForecast | None) -> ComponentForecast:
    """It is valid by its own making; storable, and no spread is beyond a factor of 7."""
    assert forecast is not None
    assert checked(ComponentForecast, forecast) == forecast
    assert all(sd <= 2.0 for row in forecast.log_sd for sd in row)
    return forecast


@every_forecaster
def test_it_forecasts_components(forecaster):
    assert isinstance(forecaster(), ForecastsComponents)


@every_forecaster
def test_there_is_none_without_history(forecaster):
    assert forecaster().forecast_components(mid_run(), BOUNDS) is None
    assert forecaster().fit([]).forecast_components(START, BOUNDS) is None
    assert forecaster().fit(history(3)).fit([]).forecast_components(START, BOUNDS) is None


@every_forecaster
@pytest.mark.parametrize("runs", [1, 2, 3, 30])
def test_every_component_is_there_at_every_size(forecaster, runs):
    fitted = forecaster().fit(history(runs))
    whole = good(fitted.forecast_components(START, BOUNDS))
    assert whole.executors == BOUNDS.candidates
    assert (len(whole.log_median), len(whole.log_median[0]), len(whole.share)) == (5, 11, 5)
    rest = good(fitted.forecast_components(mid_run(), BOUNDS))
    assert len(rest.share) == 3
    assert rest.spent_s == 0


@every_forecaster
def test_one_size_only_gives_all_sizes(forecaster):
    fitted = forecaster().fit([past_run(n, 6) for n in range(4)])
    assert len(good(fitted.forecast_components(mid_run(), BOUNDS)).executors) == 11


@every_forecaster
def test_nothing_is_pinned_to_the_present_size(forecaster):
    fitted = forecaster().fit(history(16))
    running = good(fitted.forecast_components(mid_run(6), BOUNDS)).log_median[0]
    four, twelve = (running[BOUNDS.candidates.index(size)] for size in (4, 12))
    assert np.exp(four - twelve) == pytest.approx(20 / 10, rel=0.35)


@every_forecaster
@pytest.mark.parametrize("present", [1, 15])
def test_a_present_size_out_of_bounds_is_one_of_the_sizes(forecaster, present):
    fitted = forecaster().fit(history(8))
    forecast = good(fitted.forecast_components(mid_run(present), BOUNDS))
    assert forecast.executors == tuple(sorted((*BOUNDS.candidates, present)))


@pytest.mark.parametrize("forecaster", [Conditional, Enel, Ellis])
def test_the_running_component_comes_first_and_the_others_by_their_places(forecaster):
    seconds = [10.0, 20.0, 40.0, 80.0, 160.0]
    past = [past_run(n, 6, seconds, ("a", "b", "c", "d", "e")) for n in range(6)]
    fitted = forecaster().fit(past)
    parts = components(6, seconds, ("a", "b", "c", "d", "e"))

    def usual(progress: Progress) -> list[float]:
        forecast = good(fitted.forecast_components(progress, Bounds(6, 6)))
        return np.exp([row[0] for row in forecast.log_median]).round(-1).tolist()

    assert usual(START) == pytest.approx(seconds, rel=0.1)
    later = at(parts[:1], runs_of(parts[2]), 6)
    assert usual(later) == pytest.approx([40.0, 20.0, 80.0, 160.0], rel=0.1)


@every_forecaster
def test_the_time_since_the_last_finish_is_spent_by_who_runs(forecaster):
    fitted = forecaster().fit(history(5))
    waited = replace(mid_run(), elapsed_s=mid_run().elapsed_s + 7.0)
    assert good(fitted.forecast_components(waited, BOUNDS)).spent_s == pytest.approx(7.0)
    unknown = replace(waited, running=replace(waited.running, key="never seen"))
    assert good(fitted.forecast_components(unknown, BOUNDS)).spent_s == 0


@every_forecaster
def test_components_that_may_not_come_have_a_share(forecaster):
    past = [past_run(n, 6, [10.0] * 5) for n in range(4)]
    past += [past_run(n, 6, [10.0] * 4, NAMES[:3] + NAMES[4:]) for n in range(4, 8)]
    forecast = good(forecaster().fit(past).forecast_components(START, BOUNDS))
    assert sorted(forecast.share) == [0.5, 1.0, 1.0, 1.0, 1.0]


@every_forecaster
def test_after_the_last_component_the_tail_is_left(forecaster):
    fitted = forecaster().fit(history(5))
    parts = components(6, [15.0] * 5)
    done = good(fitted.forecast_components(at(parts, None, 6, 75.5), BOUNDS))
    assert (done.share, done.spent_s) == ((), 0)
    assert done.tail_s == pytest.approx(1.5)


@every_forecaster
def test_components_that_no_past_run_had_are_passed_over(forecaster):
    fitted = forecaster().fit(history(5))
    parts = components(6, [15.0] * 3, ("x", "y", "z"))
    forecast = good(fitted.forecast_components(at(parts[:2], runs_of(parts[2]), 6), BOUNDS))
    assert len(forecast.share) == 5


@every_forecaster
def test_hundreds_of_components_are_no_trouble(forecaster):
    names = ("load", *["step"] * 248, "save")
    past = [past_run(n, SIZES[n], [2.0 + 8 / SIZES[n]] * 250, names) for n in range(4)]
    forecast = good(forecaster().fit(past).forecast_components(START, BOUNDS))
    assert len(forecast.share) == 250


@every_forecaster
def test_far_from_all_that_was_seen_spreads_are_no_narrower(forecaster):
    fitted = forecaster().fit([past_run(n, 12 - n % 2) for n in range(12)])
    forecast = good(fitted.forecast_components(START, BOUNDS))
    for row in forecast.log_sd:
        assert row[0] >= row[-1] + (0.0 if forecaster is Ellis else 0.1)


@every_forecaster
def test_a_loss_makes_the_run_a_failing_one(forecaster):
    fitted = forecaster().fit(history(8))
    assert good(fitted.forecast_components(mid_run(), BOUNDS)).failures.failing < 0.05
    lossy = replace(mid_run(), lost=1)
    assert good(fitted.forecast_components(lossy, BOUNDS)).failures.failing == 1


@pytest.mark.parametrize("forecaster", [Conditional, Enel, Ellis])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1])
@pytest.mark.parametrize("progress", [START, mid_run(6)], ids=["start", "running"])
def test_the_components_add_up_to_the_forecast(forecaster, spread, progress):
    """Within what calibration (of a few runs) and the larger means of independent ones allow."""
    fitted = forecaster().fit(history(24, spread))
    forecast = good(fitted.forecast_components(progress, BOUNDS))
    log_median, log_sd = np.array(forecast.log_median).T, np.array(forecast.log_sd).T
    present = progress.executors
    if present:  # executors that are still to come do not help the running one
        row = forecast.executors.index(present)
        first = 0 if forecaster is Ellis else row  # nor do those that go slow it down, for Ellis
        log_median[first:, 0], log_sd[first:, 0] = log_median[row, 0], log_sd[row, 0]
    share = np.array(forecast.share)
    summed = [
        lognormal_sum(medians[None], share, np.diag(sd**2), forecast.tail_s).median_s[0]
        for medians, sd in zip(log_median, log_sd, strict=True)
    ]
    expected = fitted.predict(progress, BOUNDS).median_s
    assert summed == pytest.approx(expected, rel=0.02 + spread)


def test_the_network_counts_as_far_as_its_gate():
    half_open = Gates(*(replace(gate, half=1.0, whole=0.0) for gate in OPEN.by_phase))
    prior, half, whole = (
        np.array(good(made.fit(history(8)).forecast_components(mid_run(), BOUNDS)).log_median)
        for made in (Enel(), networked(half_open), networked())
    )
    assert np.abs(whole - prior).max() > 0.01
    np.testing.assert_allclose(half, (prior + whole) / 2)


@every_forecaster
@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.lists(st.floats(0, 1e6), min_size=5, max_size=5)),
        min_size=1,
        max_size=8,
    ),
    st.floats(0, 1e7),
    st.integers(0, 20),
    st.integers(0, 4),
)
def test_it_is_finite_whatever_it_has_seen(forecaster, runs, elapsed_s, executors, finished):
    past_runs = [past_run(number, *run) for number, run in enumerate(runs)]
    progress = replace(mid_run(6, finished), elapsed_s=elapsed_s, executors=executors)
    good(forecaster().fit(past_runs).forecast_components(progress, BOUNDS))


@given(
    st.lists(st.floats(1.0, 1e3), min_size=1, max_size=20),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.floats(0.01, 0.5),
)
@example([10.0] * 20, 0.9, 0.0, 0.1)
def test_independent_spreads_have_the_variance_of_the_sum(seconds, correlation, guess, sd):
    """Unless inflated by more than the most that is allowed."""
    size, expected_s = len(seconds), np.array([seconds])
    covariance = sd**2 * (correlation + (1 - correlation) * np.eye(size))
    common = np.full((1, size), guess)
    together = expected_s[0] @ (covariance + guess**2) @ expected_s[0]
    alone = expected_s[0] ** 2 @ (np.diag(covariance) + guess**2)
    independent = Spreads.of(expected_s, covariance, (common,)).independent()
    assert expected_s[0] ** 2 @ independent[0] ** 2 == pytest.approx(
        min(together, MOST_INFLATION * alone)
    )


@given(
    st.lists(st.floats(1.0, 1e3), min_size=2, max_size=20),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.floats(0.01, 0.5),
)
def test_one_correlation_of_all_has_the_variance_of_the_sum(seconds, correlation, guess, sd):
    size, expected_s = len(seconds), np.array([seconds])
    covariance = sd**2 * (correlation + (1 - correlation) * np.eye(size))
    spreads = Spreads.of(expected_s, covariance, (np.full((1, size), guess),))
    weighed, found = (expected_s * spreads.log_sd)[0], spreads.correlation()[0]
    together = expected_s[0] @ (covariance + guess**2) @ expected_s[0]
    said = (1 - found) * weighed @ weighed + found * weighed.sum() ** 2
    assert said == pytest.approx(together)


@pytest.mark.parametrize("forecaster", [Conditional, Enel])
def test_components_go_together_as_long_as_few_runs_are_known(forecaster):
    few, many = (
        forecaster().fit(history(runs)).forecast_components(START, BOUNDS) for runs in (2, FEW_RUNS)
    )
    assert min(few.correlation) > 0.1
    assert many.correlation == ()


def took(*seconds: float) -> Progress:
    """Components that have finished at 6 executors, where each is expected to take 15 s."""
    names = NAMES[: len(seconds)]
    return at(components(6, seconds, names), executors=6)


@pytest.mark.parametrize("forecaster", [Conditional, Enel])
@pytest.mark.parametrize(
    ("progress", "overrun"),
    [
        (took(400.0, 200.0), (200 + 25) / (15 + 25)),
        (took(400.0, 15.0), 1.0),
        (took(15.0, 15.0, 400.0, 800.0), (400 + 25) / (15 + 25)),
        (took(400.0), 0.0),
        (took(), 0.0),
    ],
)
def test_the_last_two_components_tell_how_wrong_forecasts_were(forecaster, progress, overrun):
    found = forecaster().fit(history(30)).forecast_components(progress, BOUNDS)
    assert found.overrun == pytest.approx(overrun, rel=0.02)


@pytest.mark.parametrize(("runs", "fewest"), [(9, 4), (10, None)])
def test_what_was_tried_is_told_while_few_runs_are_known(runs, fewest):
    past = [past_run(number, 4 + number, [30.0, 20.0], "ab") for number in range(runs)]
    found = Conditional().fit(past).forecast_components(Progress.at_start(BOUNDS), BOUNDS)
    assert found.fewest_executors == (() if fewest is None else (fewest, fewest))
