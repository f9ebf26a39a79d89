import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from airflow_enel.predict.gaussian.rescale_efficiency import UNKNOWN_SQUARE, RescaleEfficiency
from airflow_enel.predict.gaussian.residuals import Residuals

RNG = np.random.default_rng(0)
RUNS, COMPONENTS = 30, 10
PROMISED = np.zeros((RUNS, COMPONENTS))
PROMISED[::2, 5:] = -0.7  # every second run goes on at fewer executors
NOISE = 0.05 * RNG.normal(size=(RUNS, COMPONENTS))
WEIGHT = np.ones((RUNS, COMPONENTS))
RESIDUALS = Residuals.fit(NOISE, WEIGHT, np.full(COMPONENTS, 2))


def fitted(share: float) -> RescaleEfficiency:
    residual = NOISE + share * PROMISED
    return RescaleEfficiency.fit(residual, PROMISED, WEIGHT, RESIDUALS)


HALF = fitted(0.5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_learns_what_past_runs_had_in_common(share):
    assert fitted(share).mean == pytest.approx(share, abs=0.1)


def test_runs_that_agree_leave_little_doubt():
    assert fitted(0.5).variance < 0.1 * UNKNOWN_SQUARE


def test_runs_that_were_never_rescaled_tell_nothing():
    known = RescaleEfficiency.fit(NOISE, np.zeros_like(PROMISED), WEIGHT, RESIDUALS)
    assert known.mean == pytest.approx(0.0, abs=1e-3)
    assert known.variance == pytest.approx(UNKNOWN_SQUARE, rel=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_run_tells_of_itself_against_the_others(share):
    others = fitted(0.5)
    residual = NOISE[1:2] + share * PROMISED[:1]
    found, _ = others.of(residual, PROMISED[:1], WEIGHT[:1])
    assert abs(found[0] - share) < 0.25


def test_a_run_that_was_not_rescaled_is_taken_as_the_others():
    known = fitted(0.5)
    found, variance = known.of(NOISE[1:2], PROMISED[1:2], WEIGHT[:1])
    assert found[0] == pytest.approx(known.mean)
    assert variance[0] == pytest.approx(known.variance)


def test_a_component_that_no_shortfall_explains_does_not_count():
    known = fitted(0.5)
    residual = NOISE[1:2] + 0.5 * PROMISED[:1]
    usual, _ = known.of(residual, PROMISED[:1], WEIGHT[:1])
    residual[0, 7] = 3.0  # data were moved
    moved, _ = known.of(residual, PROMISED[:1], WEIGHT[:1])
    assert moved[0] == pytest.approx(usual[0], abs=0.05)


@given(
    arrays(np.float64, (3, COMPONENTS), elements=st.floats(-20, 20)),
    arrays(np.float64, (3, COMPONENTS), elements=st.floats(-5, 5)),
    arrays(np.float64, (3, COMPONENTS), elements=st.floats(0, 1)),
)
def test_is_a_share_whatever_was_seen(residual, promised, said):
    share, variance = HALF.of(residual, promised, said)
    assert np.all((share >= 0) & (share <= 1))
    assert np.all(variance > 0)
