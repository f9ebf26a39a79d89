"""Sizes that were never tried are tried with few components, and only if the target allows it."""

from dataclasses import replace

import pytest

from airflow_enel.control.planning.exploration import may_explore, size_to_explore
from airflow_enel.control.planning.first_action import Present
from airflow_enel.control.planning.plan import plan
from airflow_enel.control.planning.prices import Prices
from airflow_enel.domain import Bounds
from tests.support.builders.component_forecasts import component_forecast, flat, parallel

BOUNDS = Bounds(2, 12)


def tried(fewest, explored=0, seconds=1200.0, log_sd=0.1):
    job = component_forecast([parallel(seconds)] * 3, log_sd=log_sd)
    return replace(job, fewest_executors=(fewest,) * 3, explored=explored)


def allowed(forecast, size, target_s, risk=0.05):
    prices = Prices.of(forecast, target_s, risk)
    found = plan(forecast, prices, Present(12, 12, 0.0, 0.0), target_s, untried=size)
    return may_explore(size, found, found.outlook(found.size), forecast, risk)


@pytest.mark.parametrize(("fewest", "size"), [(12, 6), (7, 4), (3, 2), (2, None)])
def test_half_the_fewest_executors_are_tried_next(fewest, size):
    assert size_to_explore(tried(fewest), BOUNDS) == size


def test_a_run_explores_with_one_component_only():
    assert size_to_explore(tried(12, explored=0), BOUNDS) == 6
    assert size_to_explore(tried(12, explored=1), BOUNDS) is None


def test_without_knowledge_of_what_was_tried_nothing_is_explored():
    assert size_to_explore(component_forecast([parallel(9.0)]), BOUNDS) is None


def test_what_meets_the_target_even_if_work_divides_perfectly_is_tried():
    # 300 s at 12 executors; one component at 6 takes 100 s more at most.
    assert allowed(tried(12), 6, target_s=600.0)


def test_what_could_miss_the_target_if_work_divides_perfectly_is_not():
    assert not allowed(tried(12), 6, target_s=400.0)


def test_a_run_that_will_miss_anyway_is_not_made_later():
    assert not allowed(tried(12), 6, target_s=250.0)


def test_a_size_above_that_of_the_plan_is_no_exploration():
    flat_job = replace(component_forecast([flat(30.0)] * 3), fewest_executors=(12,) * 3)
    assert not allowed(flat_job, 6, target_s=6000.0)
