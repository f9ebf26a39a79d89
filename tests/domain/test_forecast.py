import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Forecast

SECONDS = st.floats(0.0, 1e6)


def forecast(median_s: float, log_sd: float) -> Forecast:
    return Forecast("test", (4,), (median_s,), (log_sd,))


@pytest.mark.parametrize("log_sd", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("left_s", [-20.0, 0.0, 60.0, 100.0, 250.0])
def test_lateness_is_the_mean_of_what_comes_after_the_target(log_sd, left_s):
    drawn = 100.0 * np.exp(log_sd * np.random.default_rng(1).standard_normal(400_000))
    expected = np.maximum(drawn - left_s, 0.0).mean()
    assert forecast(100.0, log_sd).lateness(4, left_s) == pytest.approx(expected, rel=0.02, abs=0.1)


def test_what_has_nothing_to_do_is_as_late_as_it_is():
    assert forecast(0.0, 0.5).lateness(4, 10.0) == 0.0


@given(SECONDS, st.floats(0.0, 3.0), SECONDS, SECONDS)
def test_lateness_is_never_negative_and_falls_with_the_time_left(median_s, log_sd, left_s, more_s):
    made = forecast(median_s, log_sd)
    late_s = made.lateness(4, left_s)
    assert 0.0 <= made.lateness(4, left_s + more_s) <= late_s * (1 + 1e-6) + 1e-6
