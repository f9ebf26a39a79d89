"""Plans: which size is the cheapest way to the target."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.planning.first_action import Present
from airflow_enel.control.planning.plan import Plan, plan
from airflow_enel.control.planning.prices import Prices
from airflow_enel.domain import FailureRegime
from tests.support.builders.component_forecasts import (
    PLANT,
    component_forecast,
    component_forecasts,
    flat,
    parallel,
)

RIGID = replace(PLANT, can_shrink=False, growth_gain=0.1)
NOT_STARTED = Present(0, 0, 0.0, 0.0)


def planned(forecast, target_s, present=NOT_STARTED, left_s=None, risk=0.05, **changes) -> Plan:
    prices = Prices.of(forecast, target_s, risk)
    left_s = target_s if left_s is None else left_s
    return plan(forecast, prices, present, left_s, **changes)


def running(executors, requested=None, pending_s=0.0, spent_s=0.0):
    return Present(executors, requested or executors, pending_s, spent_s)


class TestStart:
    def test_flat_work_runs_at_the_smallest_size(self):
        assert planned(component_forecast([flat(30.0)] * 3), 200.0).size == 2

    def test_work_that_divides_runs_at_the_least_size_that_is_safely_in_time(self):
        job = component_forecast([flat(20.0), parallel(300.0)], log_sd=0.02, plant=RIGID)
        assert planned(job, 107.0).size == 4  # 95 s, at 3 it would be 120

    def test_flat_work_before_a_large_part_is_run_small_if_growth_comes_in_time(self):
        job = component_forecast([flat(150.0), parallel(600.0), parallel(600.0)], log_sd=0.02)
        assert planned(job, 340.0).size == 2

    def test_a_little_is_not_saved_by_counting_on_executors_that_may_not_come(self):
        job = component_forecast([flat(10.0), parallel(600.0), parallel(600.0)], log_sd=0.02)
        assert planned(job, 200.0).size >= 6  # 210 s with 6, 10 s more cost next to nothing

    def test_where_growth_does_not_help_the_first_size_is_large_enough_for_all(self):
        job = component_forecast([flat(60.0), parallel(600.0)], log_sd=0.02, plant=RIGID)
        assert planned(job, 170.0).size >= 6

    def test_a_cliff_that_must_not_be_fallen_from_is_one_of_the_sizes(self):
        def cliff(executors):
            return 20.0 if executors >= 23 else 400.0

        job = component_forecast([cliff] * 3, sizes=range(4, 37), log_sd=0.05)
        assert planned(job, 100.0).size == 23


class TestBarrier:
    def test_slack_is_given_back(self):
        job = component_forecast([flat(30.0), flat(30.0)])
        assert planned(job, 400.0, running(8), left_s=300.0).size == 2

    def test_a_late_run_grows(self):
        job = component_forecast([parallel(200.0)] * 4)
        assert planned(job, 300.0, running(4), left_s=120.0).size > 4

    def test_executors_that_do_not_go_are_not_released(self):
        job = component_forecast([flat(30.0)] * 2, plant=RIGID)
        assert planned(job, 400.0, running(8), left_s=300.0).sizes[0] == 8

    def test_growth_that_would_come_too_late_is_not_asked_for(self):
        slow = replace(PLANT, start_delay_s=300.0)
        job = component_forecast([parallel(200.0)] * 2, plant=slow)
        assert planned(job, 90.0, running(4), left_s=80.0).size == 4

    def test_new_executors_without_data_are_worth_less(self):
        jobs = [
            component_forecast([parallel(120.0)] * 4, plant=replace(PLANT, warm_up=warm_up))
            for warm_up in (0, 2)
        ]
        grown = [
            found.prices[found.sizes.index(8)]
            for job in jobs
            for found in [planned(job, 150.0, running(4), left_s=100.0)]
        ]
        assert grown[1] > grown[0]

    def test_what_a_component_has_taken_already_is_not_taken_again(self):
        job = component_forecast([flat(100.0), flat(1.0)], log_sd=0.01)
        fresh, nearly_done = (
            planned(job, 300.0, running(2, spent_s=spent_s), left_s=150.0).outlook(2).end_s
            for spent_s in (0.0, 90.0)
        )
        assert fresh == pytest.approx(101.0, abs=2.0)
        assert nearly_done == pytest.approx(11.0, abs=2.0)

    def test_a_small_gain_does_not_move_executors(self):
        job = component_forecast([parallel(60.0)], log_sd=0.0)
        found = planned(job, 300.0, running(6), left_s=250.0)
        assert found.size == 6

    def test_a_small_job_gives_back_what_is_much_of_its_own_cost(self):
        quick = replace(PLANT, shrink_pause_s=(0.0, 0.0))
        job = component_forecast([flat(2.0)] * 5, plant=quick, log_sd=0.01)
        assert planned(job, 60.0, running(8), left_s=50.0).size == 2  # 80 executor-s or 20

    def test_losses_make_a_run_more_careful(self):
        failing = FailureRegime(1.0, 0.02, 25.0, 900.0, 0.0)
        sizes = [
            planned(component_forecast([parallel(100.0)] * 4, failures=regime), 130.0).size
            for regime in (FailureRegime(0.0, 0.0, 25.0, 900.0, 0.0), failing)
        ]
        assert sizes[0] < sizes[1]

    def test_lost_capacity_counts_for_the_rest_of_the_run(self):
        regime = FailureRegime(1.0, 1e-6, 0.0, 0.0, 1.75)
        job = component_forecast([parallel(100.0)] * 2, range(2, 7), failures=regime, plant=RIGID)
        ends = [
            planned(job, 300.0, running(6), left_s=200.0, lost=lost).outlook(6).end_s
            for lost in (0, 2)
        ]
        assert ends[0] == pytest.approx(200.0 / 6, rel=0.1)
        assert ends[1] == pytest.approx(200.0 / 2.5, rel=0.1)


class TestOutlook:
    def test_components_that_go_together_make_the_end_less_sure(self):
        apart, together = (
            planned(
                component_forecast([flat(10.0)] * 20, log_sd=0.2, correlation=correlation),
                230.0,
                running(4),
            ).outlook(4)
            for correlation in (0.0, 0.8)
        )
        # 204 s, with a standard deviation of 9 or of 37 s
        assert apart.miss_probability < 0.02
        assert 0.1 < together.miss_probability < 0.35
        assert together.end_s == pytest.approx(apart.end_s, rel=0.05)

    def test_a_rare_loss_that_stalls_for_long_is_a_small_chance_to_miss(self):
        rare = FailureRegime(1.0, 1e-3, 200.0, 200.0**2, 0.0)
        job = component_forecast([flat(10.0)] * 10, log_sd=0.01, failures=rare)
        found = planned(job, 150.0, running(4)).outlook(4)
        assert found.miss_probability == pytest.approx(0.095, abs=0.05)  # 1 − exp(−0.001 · 100)
        assert found.end_s == pytest.approx(120.0, abs=15.0)

    def test_a_certain_run_ends_when_its_components_do(self):
        job = component_forecast([flat(30.0), flat(20.0)], log_sd=0.0, tail_s=2.0)
        seen = planned(job, 100.0).outlook(2)
        assert seen.end_s == pytest.approx(52.0)
        assert seen.executor_seconds == pytest.approx(104.0)
        assert (seen.miss_probability, seen.late_s) == (0.0, 0.0)

    def test_a_component_that_seldom_comes_seldom_counts(self):
        job = component_forecast([flat(1.0)] + [flat(100.0)] * 8, log_sd=0.0, share=0.25)
        assert planned(job, 1000.0).outlook(2).end_s == pytest.approx(200.0, rel=0.1)

    def test_probability_and_lateness_of_a_target_at_the_median(self):
        job = component_forecast([flat(100.0)], log_sd=0.1)
        seen = planned(job, 100.0).outlook(2)
        assert seen.miss_probability == pytest.approx(0.5, abs=0.01)
        assert seen.late_s == pytest.approx(4.2, abs=0.5)


@given(component_forecasts(), st.integers(2, 9), st.integers(1, 8), st.floats(10.0, 900.0))
def test_growing_and_cancelling_gains_nothing(forecast, now, more, left_s):
    asked = min(now + more, 10)
    settled = planned(forecast, 600.0, running(now), left_s)
    pending = planned(forecast, 600.0, running(now, asked, forecast.plant.start_delay_s), left_s)
    cancelled = pending.prices[pending.sizes.index(now)]
    kept = settled.prices[settled.sizes.index(now)]
    assert cancelled == pytest.approx(kept)


@given(component_forecasts(), st.floats(10.0, 900.0), st.floats(-100.0, 900.0))
def test_equal_inputs_give_equal_plans_of_finite_prices(forecast, target_s, left_s):
    first, second = (planned(forecast, target_s, running(4), left_s) for _ in range(2))
    assert first.prices == second.prices
    assert all(0 <= price < float("inf") for price in first.prices)
    assert first.outlook(first.size) == second.outlook(second.size)


@given(st.floats(60.0, 400.0), st.floats(0.1, 0.3))
def test_a_smaller_risk_never_makes_a_miss_more_likely(target_s, log_sd):
    job = component_forecast([flat(20.0), parallel(240.0), parallel(240.0)], log_sd=log_sd)
    bold, careful = (planned(job, target_s, risk=risk) for risk in (0.4, 0.005))
    likely, unlikely = (found.outlook(found.size).miss_probability for found in (bold, careful))
    assert unlikely <= likely + 0.03
