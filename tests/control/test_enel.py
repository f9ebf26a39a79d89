"""Policy ``enel``: plans on the forecast of each component, and explains itself."""

from dataclasses import replace

import pytest

from airflow_enel.control.policies import PolicyContext, StartContext, find_policy
from airflow_enel.control.policies.base import PlanningContext
from airflow_enel.domain import Bounds, Progress
from tests.support.builders.component_forecasts import (
    PLANT,
    component_forecast,
    flat,
    parallel,
)
from tests.support.builders.snapshots import START, past_run, progress, request

BOUNDS = Bounds(2, 12)
JOB = [flat(20.0), parallel(240.0), parallel(240.0)]


def proposed(forecast, target_s, reached=None, at_start=None, now=START + 100.0):
    start = None
    if reached is None:
        reached, start = Progress.at_start(BOUNDS), StartContext(())
    planning = PlanningContext(forecast, at_start or forecast, now)
    context = PolicyContext(None, target_s, reached, BOUNDS, start, planning)
    return find_policy("enel").propose(context)


def without_a_plan(reached, start=None):
    context = PolicyContext(None, 100.0, reached, BOUNDS, start)
    return find_policy("enel").propose(context)


def test_starts_with_the_first_size_of_its_plan():
    assert proposed(component_forecast([flat(30.0)] * 2), 200.0).executors == 2


def test_gives_slack_back_at_a_barrier():
    job = component_forecast([flat(30.0)] * 2)
    assert proposed(job, 400.0, progress(8, 100.0)).executors == 2


def test_grows_when_a_run_is_late():
    job = component_forecast([parallel(200.0)] * 4)
    assert proposed(job, 220.0, progress(4, 100.0)).executors > 4


def test_without_a_forecast_the_first_runs_are_sized_as_those_of_any_job():
    first = without_a_plan(Progress.at_start(BOUNDS), StartContext(()))
    assert first.executors == 12


def test_without_a_forecast_a_running_size_is_kept():
    kept = without_a_plan(progress(7))
    assert (kept.executors, kept.reason) == (7, "there is no forecast yet")


def test_nothing_is_changed_once_nothing_is_left_to_do():
    kept = proposed(component_forecast([]), 300.0, progress(7), component_forecast(JOB))
    assert (kept.executors, kept.reason) == (7, "nothing is left to do")


def test_nothing_is_changed_while_no_executor_is_there():
    kept = proposed(component_forecast(JOB), 300.0, progress(0, requested=6))
    assert (kept.executors, kept.reason) == (6, "no executor takes tasks at present")


def test_a_run_that_cannot_be_in_time_takes_the_fastest_size():
    job = component_forecast([parallel(400.0)] * 2)
    assert proposed(job, 120.0, progress(4, 110.0)).executors == 12


@pytest.mark.parametrize(("fewest", "size"), [(2, 2), (8, 8), (12, 8)])
def test_a_late_run_shrinks_only_to_sizes_that_are_known_to_end_sooner(fewest, size):
    slower_when_larger = component_forecast([lambda executors: 40.0 * executors] * 2)
    job = replace(slower_when_larger, fewest_executors=(fewest,) * 2)
    assert proposed(job, 110.0, progress(8, 100.0)).executors == size


def test_executors_on_their_way_are_waited_for():
    job = component_forecast([parallel(200.0)] * 4, plant=replace(PLANT, start_delay_s=30.0))
    asked = progress(4, 100.0, requested=8, requests=(request(8, 1, START + 95.0),))
    assert proposed(job, 260.0, asked).executors == 8


def test_executors_that_cannot_be_released_are_not_asked_to_go():
    job = component_forecast([flat(50.0)] * 2, plant=replace(PLANT, can_shrink=False))
    assert proposed(job, 400.0, progress(8, 100.0, requested=8)).executors == 8


def test_a_run_whose_components_take_three_times_as_long_as_expected_takes_the_largest_size():
    job = component_forecast([flat(30.0)] * 2, overrun=3.1)
    proposal = proposed(job, 250.0, progress(4, 100.0))
    assert proposal.executors == 12
    assert proposal.reason == "the latest components took 3.1 times as long as expected, or longer"


@pytest.mark.parametrize(("overrun", "target_s"), [(2.9, 250.0), (3.1, 350.0)])
def test_forecasts_are_believed_below_that_or_if_there_is_time_enough(overrun, target_s):
    job = component_forecast([flat(30.0)] * 2, overrun=overrun)
    assert proposed(job, target_s, progress(4, 100.0)).executors == 2


def test_a_number_that_was_asked_for_beyond_the_bounds_is_no_size_of_the_plan():
    job = component_forecast([parallel(100.0)] * 2)
    assert proposed(job, 300.0, progress(6, 100.0, requested=50)).executors <= 12


def test_says_what_the_plan_comes_to():
    reason = proposed(component_forecast([flat(30.0)] * 2, log_sd=0.0), 200.0).reason
    assert reason == "cheapest plan in time: 60 s of 200 s left, 0% to miss, 2.0 executor-min"


def test_needs_a_target():
    with pytest.raises(ValueError, match=r"enel.*set runtime_target"):
        find_policy("enel").check_target(None)


class TestProfile:
    def test_learns_by_the_usual_sizes_if_asked_to(self):
        forecast = component_forecast([flat(30.0)] * 2)
        start = StartContext((past_run(0, 12),), profile=True)
        planning = PlanningContext(forecast, forecast, START)
        context = PolicyContext(None, 200.0, Progress.at_start(BOUNDS), BOUNDS, start, planning)
        assert find_policy("enel").propose(context).executors == 6


class TestObserve:
    def context(self, target_s=400.0):
        forecast = component_forecast([flat(30.0)] * 2)
        planning = PlanningContext(forecast, forecast, START)
        return PolicyContext(None, target_s, progress(8, 100.0), BOUNDS, None, planning)

    def test_keeps_its_size_and_says_what_a_plan_would_do(self):
        kept = find_policy("observe").propose(self.context())
        assert kept.executors == 8
        assert kept.reason.startswith("observed only; enel would ask for 2: cheapest plan in time")
        assert "with 8" in kept.reason

    def test_without_a_target_there_is_nothing_to_compare(self):
        kept = find_policy("observe").propose(self.context(target_s=None))
        assert kept.executors == 8
        assert kept.reason == "a static size stays; without a target there is no plan"
