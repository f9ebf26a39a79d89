import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from airflow_enel.predict.gaussian.residuals import Residuals, ledoit_wolf
from airflow_enel.predict.spread import UNKNOWN


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


def fit(residual, weight, sizes=3) -> Residuals:
    """Of components that have all run at so many sizes."""
    return Residuals.fit(residual, weight, np.full(residual.shape[1], sizes))


def covariance_of(residuals: Residuals):
    dense = residuals.loadings.T @ residuals.loadings
    dense += residuals.own * np.eye(residuals.sd.size)
    return dense * residuals.sd[:, None] * residuals.sd


class TestFewRuns:
    rng = np.random.default_rng(2)

    @pytest.mark.parametrize("runs", [1, 2, 3])
    def test_curves_through_the_first_runs_say_nothing_of_how_runs_vary(self, runs):
        covariance = covariance_of(fit(np.zeros((runs, 8)), np.ones((runs, 8)), sizes=runs))
        assert np.sqrt(np.diag(covariance)) == pytest.approx(np.full(8, UNKNOWN), rel=0.01)

    def test_what_is_not_known_is_partly_the_same_for_all_components(self):
        covariance = covariance_of(fit(np.zeros((1, 8)), np.ones((1, 8)), sizes=1))
        assert covariance[0, 1] == pytest.approx(UNKNOWN**2 / 2)

    def test_runs_at_one_size_say_how_runs_vary(self):
        sample = 0.05 * self.rng.normal(size=(6, 8))
        one, three = (
            np.diag(covariance_of(fit(sample, np.ones((6, 8)), sizes))).mean() for sizes in (1, 3)
        )
        assert 0.05**2 < one < three < UNKNOWN**2 / 2

    def test_many_runs_are_believed(self):
        sample = np.array([0.05, 0.2]) * self.rng.normal(size=(400, 2))
        found = np.sqrt(np.diag(covariance_of(fit(sample, np.ones((400, 2))))))
        assert found == pytest.approx([0.05, 0.2], rel=0.1)

    def test_a_component_that_half_of_the_runs_had_varies_as_it_did_in_these(self):
        sample, weight = 0.1 * self.rng.normal(size=(400, 8)), np.ones((400, 8))
        sample[::2, 0] = weight[::2, 0] = 0.0
        found = np.sqrt(np.diag(covariance_of(fit(sample, weight))))
        assert found == pytest.approx(np.full(8, 0.1), rel=0.15)


class TestResiduals:
    rng = np.random.default_rng(1)
    sample = rng.normal(size=(30, 1)) * 0.2 + rng.normal(size=(30, 8)) * 0.05
    weight = np.ones((30, 8))
    fitted = fit(sample, weight)
    behind, ahead = np.arange(3), np.arange(3, 8)

    def test_conditions_as_a_dense_gaussian_does(self):
        dense = covariance_of(self.fitted)
        cross, seen = dense[3:, :3], dense[:3, :3]
        gain = cross @ np.linalg.inv(seen)
        given_ = self.fitted.condition(self.behind, self.ahead, np.zeros(3))
        assert given_.gain == pytest.approx(gain)
        assert given_.covariance == pytest.approx(dense[3:, 3:] - gain @ cross.T)

    def test_conditions_alike_on_more_components_than_there_are_runs(self):
        few = fit(self.sample[:4], self.weight[:4])
        behind, ahead = np.arange(6), np.arange(6, 8)
        dense = covariance_of(few)
        gain = dense[6:, :6] @ np.linalg.inv(dense[:6, :6])
        given_ = few.condition(behind, ahead, np.zeros(6))
        assert given_.gain == pytest.approx(gain)
        assert few.gain(behind, ahead, np.zeros(6)) == pytest.approx(gain)
        assert given_.covariance == pytest.approx(dense[6:, 6:] - gain @ dense[:6, 6:])

    def test_a_component_that_others_say_nothing_of_is_not_led_by_them(self):
        rng = np.random.default_rng(4)
        alone = rng.normal(size=(30, 1)) * 0.4
        sample = np.hstack([self.sample, alone])
        weight = np.ones((30, 9))
        fitted = fit(sample, weight).with_trust(sample, weight, np.arange(9))
        assert fitted.trust[8] < 0.3
        assert np.all(fitted.trust[4:8] > 0.8)
        behind, last = np.arange(8), np.array([8])
        given_ = fitted.condition(behind, last, np.zeros(8))
        naive = fit(sample, weight).condition(behind, last, np.zeros(8))
        assert np.abs(given_.gain).sum() < 0.3 * np.abs(naive.gain).sum() + 1e-12
        assert given_.covariance[0, 0] > naive.covariance[0, 0]

    def test_hindsight_is_what_the_other_runs_say(self):
        """Against covariances that were really built without the run."""
        said, covariance = self.fitted.leave_one_out(self.behind, self.ahead)
        given_ = self.fitted.condition(self.behind, self.ahead, np.zeros(3))
        assert covariance == pytest.approx(given_.covariance)
        for run in (0, 7, 29):
            others = np.delete(self.fitted.loadings, run, axis=0)
            dense = others.T @ others + self.fitted.own * np.eye(8)
            dense *= self.fitted.sd[:, None] * self.fitted.sd
            gain = dense[3:, :3] @ np.linalg.inv(dense[:3, :3])
            own = self.fitted.loadings[run, :3] / self.fitted.scale[run] * self.fitted.sd[:3]
            assert said[run] == pytest.approx(gain @ own)
