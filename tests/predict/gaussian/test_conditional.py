from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from airflow_enel.domain import Bounds, JobRuns, PastRun, Progress
from airflow_enel.predict import Conditional
from airflow_enel.predict.curves.component_curves import ComponentCurves
from airflow_enel.predict.evaluation import summarise, walk_forward
from airflow_enel.predict.gaussian.lognormal_sum import lognormal_sum
from airflow_enel.spark.traces import read_trace
from tests.support.builders.past_runs import NAMES, at, component, components, past_run, runs_of
from tests.support.processes.python import modules_loaded_by

BOUNDS = Bounds(2, 12)
START = Progress.at_start(BOUNDS)
TRACES = Path(__file__).parents[3] / "shared" / "data" / "traces"


def duration(executors: float) -> float:
    return 5.0 + 60.0 / executors


def varied(runs: int, seed: int = 0, of_run: float = 0.2, own: float = 0.02):
    """Runs at many sizes, each faster or slower as a whole."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(runs):
        size = int(rng.integers(2, 13))
        factor = rng.lognormal(0, of_run)
        made.append(
            past_run(number, size, list(duration(size) * factor * rng.lognormal(0, own, 5)))
        )
    return made


@pytest.fixture(scope="module")
def conditional() -> Conditional:
    return Conditional().fit(varied(50))


def test_a_slow_beginning_announces_a_slow_rest(conditional):
    usual = components(6, [duration(6)] * 5)
    slow = components(6, [1.4 * duration(6)] * 5)
    rest = [
        conditional.predict(at(parts[:3], runs_of(parts[3])), BOUNDS).median(6)
        for parts in (usual, slow)
    ]
    assert rest[1] / rest[0] == pytest.approx(1.4, rel=0.08)


def test_what_has_finished_narrows_the_rest(conditional):
    parts = components(6, [duration(6)] * 5)
    late = conditional.predict(at(parts[:3], runs_of(parts[3])), BOUNDS)
    assert late.log_sd[4] < 0.5 * conditional.predict(START, BOUNDS).log_sd[4]


def test_one_strange_component_does_not_carry_the_others_away(conditional):
    parts = list(components(6, [duration(6)] * 5))
    parts[1] = component(1, "step", 0, 100 * duration(6), 6)
    forecast = conditional.predict(at(parts[:3], runs_of(parts[3])), BOUNDS)
    assert forecast.median(6) < 3 * (2 * duration(6) + 2)


def test_a_disturbed_component_says_less(conditional):
    calm = components(6, [1.3 * duration(6)] * 5)
    disturbed = [component(n, c.key, c.occurrence, c.added_s, 6, True) for n, c in enumerate(calm)]
    rest = [
        conditional.components(at(parts[:1], runs_of(parts[1])), BOUNDS).log_median.mean()
        for parts in (calm, disturbed)
    ]
    assert rest[1] < rest[0]


def rescaled(number: int, works: bool) -> PastRun:
    """A run at 8 executors that goes on at 4 after its second component."""
    rng = np.random.default_rng(number)
    sizes = (8, 8, 4, 4, 4) if number % 2 else (8,) * 5
    seconds = [duration(s if works else 8) * rng.lognormal(0, 0.02) for s in sizes]
    parts = tuple(
        component(n, c.key, c.occurrence, seconds[n], sizes[n])
        for n, c in enumerate(components(8, seconds))
    )
    return replace(past_run(number, 8, seconds), components=parts)


@pytest.mark.parametrize("works", [True, False])
def test_learns_from_the_run_itself_whether_a_rescale_does_anything(works):
    """Between runs sizes differ in time as ever; inside, executors may not really go."""
    fitted = Conditional().fit(varied(30, of_run=0.02))
    parts = rescaled(1, works).components
    forecast = fitted.predict(at(parts[:4], runs_of(parts[4]), 4), BOUNDS)
    assert forecast.median(4) == pytest.approx(duration(4 if works else 8) + 2, rel=0.12)


def test_past_runs_tell_whether_a_rescale_does_anything():
    asked = rescaled(1, works=False).components
    said = {
        works: Conditional()
        .fit([*varied(20, of_run=0.02), *(rescaled(n, works) for n in range(20, 40))])
        .predict(at(asked[:2], None, 8), BOUNDS)
        for works in (True, False)
    }
    ratio = {works: f.median(2) / f.median(8) for works, f in said.items()}
    assert ratio[True] > 2
    assert ratio[False] < 0.8 * ratio[True]


def disturbed(run: PastRun, factor: float) -> PastRun:
    """Executors are lost from the second component on, which all take that much longer."""
    parts = tuple(
        replace(c, disturbed=True, added_s=c.added_s * (factor if c.position else 1.0))
        if c.position
        else c
        for c in run.components
    )
    return replace(run, components=parts, runtime_s=2.0 + sum(c.added_s for c in parts))


def test_a_run_that_loses_executors_is_foreseen_by_past_runs_that_did():
    calm = varied(30, of_run=0.05)
    lossy = [disturbed(run, 1.5) for run in varied(8, seed=1, of_run=0.05)]
    lossy = [replace(run, started_at=1e6 + n) for n, run in enumerate(lossy)]
    parts = components(6, [duration(6)] * 5)
    now = (parts[0], replace(parts[1], disturbed=True))
    before, after = (
        Conditional().fit(past).predict(at(now, runs_of(parts[2]), 6), BOUNDS)
        for past in (calm, [*calm, *lossy])
    )
    usual = 3 * duration(6) + 2
    assert before.median(6) == pytest.approx(usual, rel=0.1)
    assert before.log_sd[4] > 0.2  # never seen
    assert after.median(6) > 1.2 * usual
    undisturbed = Conditional().fit([*calm, *lossy])
    calm_run = undisturbed.predict(at(parts[:2], runs_of(parts[2]), 6), BOUNDS)
    assert calm_run.median(6) == pytest.approx(usual, rel=0.1)


def test_the_running_component_does_not_profit_from_executors_that_are_still_to_come(conditional):
    parts = components(4, [duration(4)] * 5)
    remaining = conditional.components(at(parts[:2], runs_of(parts[2]), 4), BOUNDS)
    assert remaining.current == 0
    assert np.all(np.diff(remaining.log_median, axis=0) < 0)
    log_median, _ = remaining.left_at(BOUNDS.candidates)
    larger = np.array(BOUNDS.candidates) >= 4
    assert np.ptp(log_median[larger, 0]) == 0
    assert np.all(np.diff(log_median[:, 1]) < 0)


def test_the_running_component_is_slower_at_once_on_fewer_executors(conditional):
    parts = components(8, [duration(8)] * 5)
    half = duration(8) / 2
    begun = at(parts[:2], runs_of(parts[2]), 8, elapsed_s=2 * duration(8) + half)
    remaining = conditional.components(begun, BOUNDS)
    assert remaining.spent_s == pytest.approx(half)
    four, eight = np.exp(remaining.left_at((4, 8))[0][:, 0])
    assert four / eight == pytest.approx(duration(4) / duration(8), rel=0.05)


def test_a_present_size_out_of_bounds_is_what_the_running_component_goes_on_at(conditional):
    parts = components(15, [duration(15)] * 5)
    remaining = conditional.components(at(parts[:2], runs_of(parts[2]), 15), Bounds(2, 12))
    assert remaining.executors == (*range(2, 13), 15)
    assert conditional.predict(at(parts[:2], None, 15), Bounds(2, 12)).executors[-1] == 12
    fewer = conditional.predict(at(parts[:2], runs_of(parts[2]), 1), Bounds(2, 12))
    assert fewer.median(12) > 0.9 * duration(1) + 2 * duration(12)


def test_a_running_component_counts_with_what_is_left_of_it(conditional):
    parts = components(6, [duration(6)] * 5)
    progress = at(parts[:2], runs_of(parts[2]), 6)
    waits = [0.0, 5.0, 10.0, 15.0, 60.0, 6000.0]
    left = [
        conditional.predict(at(parts[:2], runs_of(parts[2]), 6, progress.elapsed_s + w), BOUNDS)
        for w in waits
    ]
    medians = [forecast.median(6) for forecast in left]
    assert medians[0] - medians[1] == pytest.approx(5.0, abs=0.6)
    assert medians[2] < medians[1]
    assert min(medians) > 2 * 0.8 * duration(6)  # the two that follow it


def test_components_that_may_not_come_count_with_their_share():
    past = [past_run(n, 6, [10.0] * 5) for n in range(4)]
    past += [past_run(n, 6, [10.0] * 4, NAMES[:3] + NAMES[4:]) for n in range(4, 8)]
    remaining = Conditional().fit(past).components(START, BOUNDS)
    assert sorted(remaining.share.tolist()) == [0.5, 1.0, 1.0, 1.0, 1.0]
    forecast = Conditional().fit(past).predict(START, BOUNDS)
    assert forecast.median(6) == pytest.approx(47.0, rel=0.05)


def test_a_correction_of_each_component_is_part_of_the_sum(conditional):
    remaining = conditional.components(START, BOUNDS)
    as_is = conditional.combine(remaining, BOUNDS)
    zero = np.zeros_like(remaining.log_median)
    assert conditional.combine(remaining.corrected(zero), BOUNDS) == as_is
    doubled = conditional.combine(remaining.corrected(zero + np.log(2)), BOUNDS)
    ratio = np.array(doubled.median_s) / np.array(as_is.median_s)
    assert ratio == pytest.approx(np.full(11, 2.0), rel=0.05)  # not the time after the last
    late = zero.copy()
    late[3:, -1] = 1.0
    medians = np.array(conditional.combine(remaining.corrected(late), BOUNDS).median_s)
    assert np.all((medians > np.array(as_is.median_s)) == (np.arange(11) >= 3))


def test_one_size_only_is_trusted_less_the_farther_away():
    forecast = Conditional().fit([past_run(n, 6) for n in range(10)]).predict(START, BOUNDS)
    spreads = dict(zip(forecast.executors, forecast.log_sd, strict=True))
    assert spreads[2] > spreads[4] > spreads[6]
    assert spreads[12] > spreads[8] > spreads[6]


def test_relative_errors_of_past_runs_average_to_nothing():
    """The median of such noise would be 8 % too long on average."""
    rng = np.random.default_rng(2)
    seconds = [[duration(6) * rng.lognormal(0, 0.4)] * 5 for _ in range(80)]
    fitted = Conditional().fit([past_run(n, 6, s) for n, s in enumerate(seconds)])
    predicted_s = fitted.predict(START, BOUNDS).median(6)
    errors = [predicted_s / (sum(s) + 2.0) - 1.0 for s in seconds]
    assert np.mean(errors) == pytest.approx(0.0, abs=0.03)


def test_an_outlier_of_a_hundred_times_hardly_moves_the_forecast():
    past = varied(30)
    usual = Conditional().fit(past).predict(START, BOUNDS)
    wild = past_run(30, 6, [100 * duration(6)] * 5)
    after = Conditional().fit([*past, wild]).predict(START, BOUNDS)
    assert np.array(after.median_s) == pytest.approx(np.array(usual.median_s), rel=0.15)


class TestShapes:
    def test_recovers_ernest_curves(self):
        sizes = np.repeat([2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0], 3)[:, None]
        seconds = 10 + 200 / sizes + 0.5 * sizes
        shapes, residual, _ = ComponentCurves.fit(sizes, np.log(seconds), np.ones_like(sizes))
        assert np.exp(shapes.at(np.array([5.0]))) == pytest.approx(52.5, rel=0.02)
        assert np.abs(residual).max() < 0.02

    def test_samples_without_weight_do_not_count(self):
        sizes = np.array([[2.0], [4.0], [8.0], [16.0]])
        log_s = np.log(100 / sizes)
        log_s[3] = 50.0
        shapes, *_ = ComponentCurves.fit(sizes, log_s, np.array([[1.0], [1.0], [1.0], [0.0]]))
        assert np.exp(shapes.at(np.array([4.0]))) == pytest.approx(25.0, rel=0.01)

    def test_one_size_leaves_open_whether_the_time_scales(self):
        shapes, *_ = ComponentCurves.fit(
            np.full((3, 1), 4.0), np.log(np.full((3, 1), 10.0)), np.ones((3, 1))
        )
        asked = np.array([2.0, 4.0])
        smaller_s, same_s = np.exp(shapes.at(asked))[:, 0]
        assert same_s == pytest.approx(10.0)
        assert 10.0 < smaller_s < 20.0
        assert shapes.log_sd(asked)[:, 0] == pytest.approx([0.25, 0.0], abs=0.06)

    def test_a_flat_component_is_expected_flat_at_sizes_that_were_not_seen(self):
        rng = np.random.default_rng(3)
        sizes = rng.choice([8.0, 10.0, 14.0, 20.0, 24.0], 40)[:, None]
        log_s = np.log(40.0) + 0.2 * rng.normal(size=sizes.shape)
        shapes, *_ = ComponentCurves.fit(sizes, log_s, np.ones_like(sizes))
        asked = np.array([4.0, 6.0, 36.0])
        assert np.exp(shapes.at(asked))[:, 0] == pytest.approx([40.0] * 3, rel=0.2)

    def test_a_single_slow_run_shows_less_of_a_slope_where_runs_of_a_size_scatter(self):
        sizes = np.array([4.0, *[16.0] * 40, 36.0])[:, None]

        def at_4(log_sd):
            log_s = np.array([0.5, *[-log_sd, log_sd] * 20, -0.2])[:, None]
            shapes, *_ = ComponentCurves.fit(sizes, log_s, np.ones_like(sizes))
            return np.exp(shapes.posterior.mean(np.array([4.0])))[0, 0]

        assert at_4(0.4) < 0.9 * at_4(0.01)

    def test_two_slow_sizes_show_a_cliff_that_no_smooth_curve_has(self):
        sizes = np.array([8.0, 16.0, *[20.0, 24.0, 30.0] * 4])[:, None]
        lacking = np.where(sizes < 20, 190 * (1 - sizes / 20) + 8, 0.0)
        shapes, *_ = ComponentCurves.fit(sizes, np.log(78 / sizes + lacking), np.ones_like(sizes))
        asked = np.array([4.0, 12.0, 27.0])
        truth = [78 / 4 + 160, 78 / 12 + 84, 78 / 27]
        assert np.exp(shapes.at(asked))[:, 0] == pytest.approx(truth, rel=0.25)

    def test_a_cliff_is_followed_where_it_was_seen(self):
        sizes = np.repeat([2.0, 3.0, 4.0, 8.0, 12.0, 16.0], 6)[:, None]
        seconds = np.where(sizes < 6, 300.0, 40.0)
        shapes, *_ = ComponentCurves.fit(sizes, np.log(seconds), np.ones_like(sizes))
        assert np.exp(shapes.at(np.array([3.0, 12.0])))[:, 0] == pytest.approx([300, 40], rel=0.3)


class TestSum:
    def test_has_the_moments_of_a_simulated_sum(self):
        rng = np.random.default_rng(5)
        covariance = 0.04 * np.eye(4) + 0.02
        log_median = np.log([10.0, 20.0, 5.0, 40.0])
        share = np.array([1.0, 1.0, 0.5, 1.0])
        drawn = np.exp(rng.multivariate_normal(log_median, covariance, 200_000))
        drawn *= rng.random(drawn.shape) < share
        total = lognormal_sum(log_median[None, :], share, covariance, 3.0)
        simulated = drawn.sum(axis=1) + 3
        assert total.median_s[0] == pytest.approx(np.median(simulated), rel=0.01)
        assert total.log_sd[0] == pytest.approx(np.log(simulated).std(), rel=0.03)

    def test_of_nothing_is_the_constant(self):
        total = lognormal_sum(np.empty((2, 0)), np.empty(0), np.empty((0, 0)), 7.0)
        assert total.median_s.tolist() == [7.0, 7.0]
        assert total.log_sd.tolist() == [0.0, 0.0]


@pytest.mark.processes
def test_needs_neither_torch_nor_scikit_learn():
    loaded = modules_loaded_by("import airflow_enel.predict.gaussian.conditional")
    assert not {"torch", "sklearn", "airflow"} & loaded


@pytest.mark.skipif(not TRACES.exists(), reason="developer data (published traces) is absent")
@pytest.mark.parametrize(("name", "aim_percent"), [("lr", 17.5), ("gbt", 11.5)])
def test_published_runs_are_foreseen_well(name, aim_percent):
    (trace,) = read_trace(TRACES / f"ellis-{name}.csv")
    made = walk_forward(JobRuns(trace.job, trace.runs, trace.failed), [Conditional])
    scores = summarise(p for of_run in made for p in of_run)
    (running,) = [s for s in scores if (s.moment, s.runs) == ("running", "normal")]
    assert running.mape_percent <= aim_percent
    assert abs(running.bias_percent) <= 3
    assert 67 <= running.coverage_80_percent <= 92  # as 40 runs allow
