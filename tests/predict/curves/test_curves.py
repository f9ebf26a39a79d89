import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict import Bell, Curve, Ernest, KernelRegression
from airflow_enel.predict.curves.kernel_regression import cross_validate
from airflow_enel.predict.samples import Samples

CURVES = [Ernest, KernelRegression, Bell]
ASKED = np.arange(1, 65)

samples = st.lists(st.tuples(st.floats(1, 64), st.floats(0.001, 1e6)), min_size=1, max_size=25).map(
    lambda pairs: np.array(pairs).T
)


def ernest_curve(s: np.ndarray, theta: tuple[float, ...] = (20, 300, 4, 0.5)) -> np.ndarray:
    return theta[0] + theta[1] / s + theta[2] * np.log(s) + theta[3] * s


def cliff(s: np.ndarray) -> np.ndarray:
    """Half the data is recomputed below 20 executors: no Ernest curve looks like that."""
    return np.where(s < 20, 400.0, 100.0) + 100 / s


@pytest.mark.parametrize("curve", CURVES)
class TestEveryCurve:
    @pytest.mark.parametrize(
        ("executors", "runtime_s"),
        [
            ([], []),
            ([4, 8], [10.0]),
            ([4], [-1.0]),
            ([4], [float("nan")]),
            ([4], [float("inf")]),
            ([0], [1.0]),
            ([-2], [1.0]),
            ([float("nan")], [1.0]),
        ],
    )
    def test_refuses_samples_it_cannot_learn_from(self, curve, executors, runtime_s):
        with pytest.raises(ValueError, match=r"leave out|at least one"):
            curve().fit(executors, runtime_s)

    def test_asks_to_be_fitted_first(self, curve):
        with pytest.raises(ValueError, match="call fit"):
            curve().predict([4])

    @pytest.mark.parametrize("asked", [[0], [float("nan")], [[4, 5]]])
    def test_refuses_to_predict_for_no_executors(self, curve, asked):
        with pytest.raises(ValueError, match="greater than 0"):
            curve().fit([4], [10.0]).predict(asked)

    @pytest.mark.parametrize(
        ("executors", "runtime_s"),
        [
            ([4], [10.0]),
            ([4, 4, 4], [10.0, 10.0, 10.0]),
            (range(1, 13), [10.0] * 12),
            (range(1, 13), [10.0] * 6 + [1000.0] + [10.0] * 5),
            (range(1, 13), [0.0] * 12),
            ([1, 2, 1000, 2000, 5000, 9000, 10**5], [1.0] * 7),
        ],
        ids=["one", "one size", "constant", "outlier", "zero", "far apart"],
    )
    def test_stays_finite_on_odd_histories(self, curve, executors, runtime_s):
        predicted = curve().fit(list(executors), runtime_s).predict(ASKED)
        assert predicted.shape == ASKED.shape
        assert np.all(np.isfinite(predicted))
        assert np.all(predicted > 0)

    def test_a_constant_runtime_is_predicted_as_it_is(self, curve):
        predicted = curve().fit(range(1, 13), [10.0] * 12).predict(np.arange(1, 13))
        np.testing.assert_allclose(predicted, 10.0, rtol=1e-6)

    @given(samples)
    def test_is_finite_and_positive_whatever_it_has_seen(self, curve, sample):
        predicted = curve().fit(*sample).predict(ASKED)
        assert np.all(np.isfinite(predicted))
        assert np.all(predicted > 0)

    @given(samples)
    def test_is_deterministic_and_leaves_its_input_alone(self, curve, sample):
        before = sample.copy()
        first, second = (curve().fit(*sample).predict(ASKED) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.array_equal(before, sample)

    def test_keeps_no_reference_to_its_input(self, curve):
        executors, runtime_s = np.arange(1.0, 13.0), np.arange(12.0, 0.0, -1.0)
        fitted = curve().fit(executors, runtime_s)
        before = fitted.predict(ASKED)
        executors[:], runtime_s[:] = 7.0, 1e6
        assert np.array_equal(before, fitted.predict(ASKED))

    def test_takes_a_number_for_a_row_of_one(self, curve):
        assert curve().fit(4, 10.0).predict(4).shape == (1,)

    def test_a_fit_forgets_the_one_before(self, curve):
        again = curve().fit(range(1, 13), cliff(np.arange(1, 13))).fit([4], [10.0])
        np.testing.assert_allclose(again.predict([4]), 10.0)
        assert repr(again) == repr(curve().fit([4], [10.0]))

    def test_says_what_it_is(self, curve):
        fitted: Curve = curve().fit([4, 8], [10.0, 6.0])
        assert repr(curve()).startswith(f"{curve.__name__}(")
        assert repr(fitted).startswith(f"{curve.__name__}(")


class TestErnest:
    @pytest.mark.parametrize("theta", [(20, 300, 4, 0.5), (0, 100, 0, 0), (7, 0, 0, 0.1)])
    def test_recovers_a_curve_of_its_family(self, theta):
        seen = np.array([1, 2, 4, 8, 16, 32])
        fitted = Ernest().fit(seen, ernest_curve(seen, theta))
        np.testing.assert_allclose(fitted.theta, theta, atol=1e-6)
        np.testing.assert_allclose(fitted.predict(ASKED), ernest_curve(ASKED, theta), rtol=1e-6)

    @given(samples, st.sampled_from([1e-3, 0.5, 3.0, 1000.0]))
    def test_predictions_scale_with_runtimes(self, sample, factor):
        executors, runtime_s = sample
        plain = Ernest().fit(executors, runtime_s).predict(ASKED)
        scaled = Ernest().fit(executors, factor * runtime_s).predict(ASKED)
        np.testing.assert_allclose(scaled, factor * plain, rtol=1e-4, atol=1e-6 * factor)

    @given(samples)
    def test_no_part_is_negative(self, sample):
        assert np.all(Ernest().fit(*sample).theta >= 0)


class TestKernelRegression:
    def test_recovers_a_straight_line(self):
        seen = np.arange(4, 37, 4)
        fitted = KernelRegression().fit(seen, 200.0 - 3.0 * seen)
        inside = np.arange(4, 37)
        np.testing.assert_allclose(fitted.predict(inside), 200.0 - 3.0 * inside, rtol=1e-6)

    def test_follows_a_cliff_with_a_narrow_bandwidth(self):
        seen = np.arange(2, 41)
        fitted = KernelRegression().fit(seen, cliff(seen))
        assert fitted.bandwidth < 3
        np.testing.assert_allclose(fitted.predict([10, 30]), cliff(np.array([10, 30])), rtol=0.1)

    def test_smooths_noise_with_a_wide_one(self):
        seen = np.arange(2, 41)
        noise = np.random.default_rng(3).lognormal(0, 0.3, seen.size)
        assert KernelRegression().fit(seen, (200.0 - 3.0 * seen) * noise).bandwidth > 5

    def test_without_an_interior_scale_out_it_is_nearly_one_line(self):
        fitted = KernelRegression().fit([4, 4, 8], [80.0, 80.0, 40.0])
        assert fitted.bandwidth == 100
        np.testing.assert_allclose(fitted.predict([4, 6, 8]), [80.0, 60.0, 40.0], rtol=1e-6)

    def test_leaving_out_in_one_product_equals_fitting_without(self):
        rng = np.random.default_rng(5)
        executors = rng.choice([2, 4, 5, 9, 12, 20, 30], 25).astype(float)
        runtime_s = cliff(executors) * rng.lognormal(0, 0.1, 25)
        samples = Samples.of_one(executors, runtime_s)
        _, (predicted,) = cross_validate(samples)
        assert np.isnan(predicted[[0, -1]]).all()
        for size, seconds in list(zip(samples.sizes[0], predicted, strict=True))[1:-1]:
            rest = executors != size
            alone = KernelRegression().fit(executors[rest], runtime_s[rest])
            np.testing.assert_allclose(seconds, alone.predict(size)[0], rtol=1e-6)


class TestBell:
    @pytest.mark.parametrize(
        ("sizes", "model"),
        [(1, "mean"), (2, "mean"), (3, "ernest"), (5, "ernest"), (6, "kernel"), (9, "kernel")],
    )
    def test_chooses_by_the_number_of_distinct_scale_outs(self, sizes, model):
        seen = np.repeat(np.linspace(10, 34, sizes).round(), 3)
        assert Bell().fit(seen, cliff(seen)).model == model

    def test_up_to_two_scale_outs_it_is_the_mean(self):
        predicted = Bell().fit([4, 8, 8], [90.0, 30.0, 60.0]).predict([1, 4, 8, 60])
        np.testing.assert_allclose(predicted, 60.0)

    def test_three_to_five_it_is_ernest(self):
        seen = np.array([4, 8, 16])
        bell, ernest = Bell().fit(seen, cliff(seen)), Ernest().fit(seen, cliff(seen))
        np.testing.assert_array_equal(bell.predict(ASKED), ernest.predict(ASKED))

    def test_mean_scale_outs_that_round_to_one_number_are_one(self):
        assert Bell().fit([5.8, 5.9, 6.0, 6.1, 6.2, 6.3], [10.0] * 6).model == "mean"

    def test_prefers_ernest_where_ernest_is_right(self):
        seen = np.arange(2, 37, 3)
        noise = np.random.default_rng(1).lognormal(0, 0.02, seen.size)
        bell = Bell().fit(seen, ernest_curve(seen) * noise)
        assert bell.model == "ernest"
        np.testing.assert_allclose(bell.predict(seen), ernest_curve(seen), rtol=0.05)

    def test_kernel_inside_the_observed_range_and_ernest_outside(self):
        seen = np.arange(10, 31, 2)
        bell = Bell().fit(seen, cliff(seen))
        inside, outside = np.arange(10, 31), np.array([1, 9, 31, 60])
        kernel, ernest = (m().fit(seen, cliff(seen)) for m in (KernelRegression, Ernest))
        np.testing.assert_array_equal(bell.predict(inside), kernel.predict(inside))
        np.testing.assert_allclose(bell.predict(outside), ernest.predict(outside), rtol=1e-9)

    @pytest.mark.parametrize("model", [Ernest, KernelRegression])
    def test_the_winner_is_fitted_again_on_all_samples(self, model):
        """The prototype kept the fit of the last fold, which had not seen one scale-out."""
        seen = np.array([4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0])
        curve = ernest_curve if model is Ernest else cliff
        runtime_s = curve(seen) * np.array([1, 1, 1, 1, 1, 1.3, 1])
        bell = Bell().fit(seen, runtime_s)
        assert bell.model == model.__name__.lower().removesuffix("regression")
        last_fold = seen != 24.0
        refitted = model().fit(seen, runtime_s).predict(seen)
        not_refitted = model().fit(seen[last_fold], runtime_s[last_fold]).predict(seen)
        assert np.max(np.abs(refitted / not_refitted - 1)) > 0.02
        np.testing.assert_allclose(bell.predict(seen), refitted, rtol=1e-9)
