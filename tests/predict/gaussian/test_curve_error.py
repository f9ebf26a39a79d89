"""What a run shows of all curves at a size that no past run has tried."""

import numpy as np
import pytest

from airflow_enel.predict.gaussian.curve_error import CurveError

UNKNOWN = 0.5
KNOWN = 0.001


def error_at(asked, off, guess, executors, level_variance=1e-4):
    count = len(off)
    found = CurveError.of(
        np.array(off),
        np.full(count, guess),
        np.full(count, 0.05**2),
        level_variance,
        np.log(np.array(executors, dtype=float)),
    )
    return found.at(np.log(np.array(asked, dtype=float))) * guess


def test_components_that_are_slow_at_an_untried_size_make_the_others_slow_there():
    (shift,) = error_at([18], [0.8, 0.8, 0.8], UNKNOWN, [18, 18, 18])
    assert shift == pytest.approx(0.6, abs=0.1)


def test_far_away_sizes_are_left_alone():
    near, far = error_at([18, 200], [0.8, 0.8, 0.8], UNKNOWN, [18, 18, 18])
    assert abs(far) < 0.01 * near


def test_a_known_size_says_nothing_of_the_curves():
    (shift,) = error_at([18], [0.3, 0.3, 0.3], KNOWN, [18, 18, 18])
    assert abs(shift) < 0.05


def test_a_run_that_is_slow_as_a_whole_explains_what_a_level_can():
    (with_levels,) = error_at([18], [0.3] * 3, UNKNOWN, [18] * 3, level_variance=0.3**2)
    (without,) = error_at([18], [0.3] * 3, UNKNOWN, [18] * 3)
    assert with_levels < without


def test_one_component_cannot_say_more_than_that_it_was_far_off():
    off, farther = (error_at([18], [value], UNKNOWN, [18])[0] for value in (5.0, 50.0))
    assert off == farther
