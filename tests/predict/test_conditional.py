import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from airflow_enel.domain import Bounds, Progress
from airflow_enel.predict import Conditional
from airflow_enel.predict.evaluation import Series, summarise, walk_forward
from airflow_enel.predict.residuals import Residuals, ledoit_wolf
from airflow_enel.predict.shapes import Shapes
from airflow_enel.predict.totals import sum_of
from airflow_enel.spark.traces import read_trace

from .past_runs import NAMES, at, component, components, past_run, runs_of

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
    shaken = [component(n, c.key, c.occurrence, c.added_s, 6, True) for n, c in enumerate(calm)]
    rest = [
        conditional.components(at(parts[:1], runs_of(parts[1])), BOUNDS).log_median.mean()
        for parts in (calm, shaken)
    ]
    assert rest[1] < rest[0]


def test_the_running_component_stays_at_the_present_executors(conditional):
    parts = components(4, [duration(4)] * 5)
    remaining = conditional.components(at(parts[:2], runs_of(parts[2]), 4), BOUNDS)
    assert remaining.current == 0
    assert np.ptp(remaining.log_median[:, 0]) == 0
    assert np.all(np.diff(remaining.log_median[:, 1]) < 0)


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
    as_is = conditional.combine(remaining)
    zero = np.zeros_like(remaining.log_median)
    assert conditional.combine(remaining, zero) == as_is
    doubled = conditional.combine(remaining, zero + np.log(2))
    ratio = np.array(doubled.median_s) / np.array(as_is.median_s)
    assert ratio == pytest.approx(np.full(11, 2.0), rel=0.05)  # not the time after the last
    late = zero.copy()
    late[3:, -1] = 1.0
    medians = np.array(conditional.combine(remaining, late).median_s)
    assert np.all((medians > np.array(as_is.median_s)) == (np.arange(11) >= 3))


def test_one_size_only_is_trusted_less_the_farther_away():
    forecast = Conditional().fit([past_run(n, 6) for n in range(10)]).predict(START, BOUNDS)
    spreads = dict(zip(forecast.executors, forecast.log_sd, strict=True))
    assert spreads[2] > spreads[4] > spreads[6]
    assert spreads[12] > spreads[8] > spreads[6]


def test_an_outlier_of_a_hundred_times_hardly_moves_the_forecast():
    past = varied(30)
    usual = Conditional().fit(past).predict(START, BOUNDS)
    wild = past_run(30, 6, [100 * duration(6)] * 5)
    after = Conditional().fit([*past, wild]).predict(START, BOUNDS)
    assert np.array(after.median_s) == pytest.approx(np.array(usual.median_s), rel=0.15)


class TestLedoitWolf:
    def test_agrees_with_its_definition(self):
        samples = np.random.default_rng(3).normal(size=(20, 7)) @ np.diag(np.arange(1.0, 8.0))
        n, m = samples.shape
        empirical = samples.T @ samples / n
        mu = np.trace(empirical) / m
        wide = ((empirical - mu * np.eye(m)) ** 2).sum() / m
        each = sum(((np.outer(x, x) - empirical) ** 2).sum() for x in samples) / n**2 / m
        assert ledoit_wolf(samples) == pytest.approx((min(each, wide) / wide, mu))

    def test_agrees_with_scikit_learn(self):
        covariance = pytest.importorskip("sklearn.covariance")
        for n, m in ((5, 30), (60, 35), (40, 3)):
            samples = np.random.default_rng(n).normal(size=(n, m)) * np.arange(1, m + 1)
            theirs = covariance.ledoit_wolf_shrinkage(samples, assume_centered=True)
            assert ledoit_wolf(samples)[0] == pytest.approx(theirs, rel=1e-9)

    @given(arrays(np.float64, (4, 6), elements=st.floats(-4, 4)))
    def test_shrinks_between_not_at_all_and_fully(self, samples):
        delta, mu = ledoit_wolf(samples)
        assert 0 <= delta <= 1
        assert 0 < mu < np.inf


class TestResiduals:
    rng = np.random.default_rng(1)
    sample = rng.normal(size=(30, 1)) * 0.2 + rng.normal(size=(30, 8)) * 0.05
    weight = np.ones((30, 8))
    fitted = Residuals.fit(sample, weight)
    behind, ahead = np.arange(3), np.arange(3, 8)

    def covariance(self, residuals: Residuals):
        dense = residuals.loadings.T @ residuals.loadings + residuals.own * np.eye(8)
        return dense * residuals.sd[:, None] * residuals.sd

    def test_conditions_as_a_dense_gaussian_does(self):
        dense = self.covariance(self.fitted)
        cross, seen = dense[3:, :3], dense[:3, :3]
        gain = cross @ np.linalg.inv(seen)
        given_ = self.fitted.condition(self.behind, self.ahead, np.zeros(3))
        assert given_.gain == pytest.approx(gain)
        assert given_.covariance == pytest.approx(dense[3:, 3:] - gain @ cross.T)

    def test_hindsight_is_what_the_other_runs_say(self):
        """Against covariances that were really built without the run."""
        said = self.fitted.hindsight(self.behind, self.ahead)
        for run in (0, 7, 29):
            others = np.delete(self.fitted.loadings, run, axis=0)
            dense = others.T @ others + self.fitted.own * np.eye(8)
            dense *= self.fitted.sd[:, None] * self.fitted.sd
            gain = dense[3:, :3] @ np.linalg.inv(dense[:3, :3])
            own = self.fitted.loadings[run, :3] / self.fitted.scale[run] * self.fitted.sd[:3]
            assert said[run] == pytest.approx(gain @ own)


class TestShapes:
    def test_recovers_ernest_curves(self):
        sizes = np.repeat([2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0], 3)[:, None]
        seconds = 10 + 200 / sizes + 0.5 * sizes
        shapes, residual, _ = Shapes.fit(sizes, np.log(seconds), np.ones_like(sizes))
        assert np.exp(shapes.at(np.array([5.0]))) == pytest.approx(52.5, rel=0.02)
        assert np.abs(residual).max() < 0.02

    def test_samples_without_weight_do_not_count(self):
        sizes = np.array([[2.0], [4.0], [8.0], [16.0]])
        log_s = np.log(100 / sizes)
        log_s[3] = 50.0
        shapes, *_ = Shapes.fit(sizes, log_s, np.array([[1.0], [1.0], [1.0], [0.0]]))
        assert np.exp(shapes.at(np.array([4.0]))) == pytest.approx(25.0, rel=0.01)

    def test_one_size_says_that_half_of_the_time_may_scale(self):
        shapes, *_ = Shapes.fit(
            np.full((3, 1), 4.0), np.log(np.full((3, 1), 10.0)), np.ones((3, 1))
        )
        assert np.exp(shapes.at(np.array([2.0, 4.0])))[:, 0] == pytest.approx([15.0, 10.0])

    def test_a_cliff_is_followed_where_it_was_seen(self):
        sizes = np.repeat([2.0, 3.0, 4.0, 8.0, 12.0, 16.0], 6)[:, None]
        seconds = np.where(sizes < 6, 300.0, 40.0)
        shapes, *_ = Shapes.fit(sizes, np.log(seconds), np.ones_like(sizes))
        assert np.exp(shapes.at(np.array([3.0, 12.0])))[:, 0] == pytest.approx([300, 40], rel=0.3)


class TestSum:
    def test_has_the_moments_of_a_simulated_sum(self):
        rng = np.random.default_rng(5)
        covariance = 0.04 * np.eye(4) + 0.02
        log_median = np.log([10.0, 20.0, 5.0, 40.0])
        share = np.array([1.0, 1.0, 0.5, 1.0])
        drawn = np.exp(rng.multivariate_normal(log_median, covariance, 200_000))
        drawn *= rng.random(drawn.shape) < share
        total = sum_of(log_median[None, :], share, covariance, 3.0)
        simulated = drawn.sum(axis=1) + 3
        assert total.median_s[0] == pytest.approx(np.median(simulated), rel=0.01)
        assert total.log_sd[0] == pytest.approx(np.log(simulated).std(), rel=0.03)

    def test_of_nothing_is_the_constant(self):
        total = sum_of(np.empty((2, 0)), np.empty(0), np.empty((0, 0)), 7.0)
        assert total.median_s.tolist() == [7.0, 7.0]
        assert total.log_sd.tolist() == [0.0, 0.0]


def test_needs_neither_torch_nor_scikit_learn():
    script = (
        "import sys, airflow_enel.predict.conditional; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'airflow')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.skipif(not TRACES.exists(), reason="developer data (published traces) is absent")
@pytest.mark.parametrize(("name", "aim_percent"), [("lr", 17.5), ("gbt", 11.5)])
def test_published_runs_are_foreseen_well(name, aim_percent):
    (trace,) = read_trace(TRACES / f"ellis-{name}.csv")
    made = walk_forward(Series(trace.job, trace.runs, trace.failed), [Conditional])
    scores = summarise(p for of_run in made for p in of_run)
    (running,) = [s for s in scores if (s.moment, s.runs) == ("running", "normal")]
    assert running.mape_percent <= aim_percent
    assert abs(running.bias_percent) <= 4
    assert 67 <= running.coverage_80_percent <= 92  # as 40 runs allow
