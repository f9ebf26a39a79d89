"""Prices of a miss follow the job's own cost and the accepted risk."""

import numpy as np
import pytest

from airflow_enel.control.planning.prices import (
    LEAST_GAIN_S,
    SMALL_JOB,
    Prices,
    cheapest_in_time,
)
from tests.support.builders.component_forecasts import component_forecast, flat, parallel

JOB = component_forecast([flat(20.0), parallel(240.0)], log_sd=0.0, tail_s=1.0)


def test_the_base_is_the_cheapest_constant_size_in_time():
    # At 4 executors 20 + 60 + 1 s; at 3, which would be cheaper, 101 s.
    assert cheapest_in_time(JOB, 90.0) == pytest.approx(4 * 81.0)


def test_without_a_size_in_time_the_base_is_the_cost_of_the_fastest():
    assert cheapest_in_time(JOB, 5.0) == pytest.approx(12 * 41.0)


def test_half_the_risk_doubles_the_prices():
    usual, careful = (Prices.of(JOB, 90.0, risk) for risk in (0.1, 0.05))
    assert careful.miss == pytest.approx(2 * usual.miss)
    assert careful.late == pytest.approx(2 * usual.late)


def test_an_end_in_time_is_free_and_lateness_is_paid_by_the_second():
    prices = Prices(100.0, miss=50.0, late=3.0)
    early, late, later = prices.of_end(np.array([-20.0, 20.0, 21.0]))
    assert early == pytest.approx(0.0, abs=1e-6)
    assert late == pytest.approx(50.0 + 60.0)
    assert later - late == pytest.approx(3.0)


def test_only_lateness_counts_if_nothing_can_be_in_time():
    prices = Prices(100.0, miss=50.0, late=3.0).lateness_only()
    assert prices.of_end(np.array([-1.0]))[0] == 0.0
    assert prices.of_end(np.array([1.0]))[0] > 1000.0


@pytest.mark.parametrize(("work", "change"), [(20000.0, LEAST_GAIN_S), (100.0, SMALL_JOB * 100.0)])
def test_a_change_is_worth_half_an_executor_minute_or_a_part_of_a_small_job(work, change):
    job = component_forecast([parallel(work)], log_sd=0.0)
    assert Prices.of(job, 1e5).change == pytest.approx(change)
