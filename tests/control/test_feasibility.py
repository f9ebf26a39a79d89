"""Targets that no allowed size is expected to meet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_enel.control.feasibility import as_fast_as_possible, backed_forecast, shortfall
from airflow_enel.domain import Bounds, Forecast, ScaleRequest
from tests.support.builders.past_runs import past_run

BOUNDS = Bounds(1, 4)


def forecast(*median_s: float) -> Forecast:
    return Forecast("bell", (1, 2, 3, 4), median_s, (0.1,) * 4)


def test_a_target_that_one_size_meets_is_feasible() -> None:
    assert shortfall(forecast(400, 210, 150, 120), BOUNDS, 120.0, 0.0) is None


def test_a_target_that_no_size_meets_is_told_with_the_least_and_its_price() -> None:
    short = shortfall(forecast(400, 210, 150, 119.5), BOUNDS, 100.0, 0.0)
    assert str(short) == (
        "expected to miss by 20 s; smallest feasible runtime target is 120 s at 4 executors "
        "(about 478 executor-seconds)"
    )


def test_executors_that_buy_nothing_are_not_taken() -> None:
    short = shortfall(forecast(400, 120.5, 120.2, 120.0), BOUNDS, 100.0, 0.0)
    assert short is not None
    assert short.executors == 2


def test_a_deadline_that_has_passed_counts_from_the_deadline() -> None:
    short = shortfall(forecast(400, 210, 150, 120), BOUNDS, 0.0, overdue_s=360.0)
    assert short is not None
    assert short.late_s == 480.0  # 360 s ago, and 120 s of work


@pytest.mark.parametrize(("overdue_s", "feasible"), [(0.0, True), (5.0, False)])
def test_without_a_forecast_only_what_is_overdue_is_infeasible(
    overdue_s: float, feasible: bool
) -> None:
    short = shortfall(None, BOUNDS, 0.0, overdue_s)
    assert (short is None) is feasible
    if short is not None:
        assert (short.executors, "more than 5 s" in str(short)) == (4, True)


def test_the_policy_for_such_a_run_takes_the_fastest_size_and_says_why() -> None:
    short = shortfall(forecast(400, 210, 150, 120), BOUNDS, 100.0, 0.0)
    assert short is not None
    proposal = as_fast_as_possible(short).propose(None)  # type: ignore[arg-type]
    assert proposal.executors == 4
    assert proposal.reason.startswith("as fast as possible, expected to miss by 20 s")


# What past runs allow to say


def test_a_forecast_counts_once_enough_sizes_were_tried() -> None:
    flat = forecast(100, 100, 100, 100)
    assert backed_forecast(flat, [past_run(n, n) for n in (1, 2, 4)], BOUNDS) is flat
    assert backed_forecast(flat, [past_run(1, 3)], Bounds(3, 3)) is flat


def test_before_that_what_runs_at_the_largest_size_took_counts() -> None:
    taken = [replace(past_run(n, 4), runtime_s=s) for n, s in enumerate((70.0, 90.0, 80.0))]
    shrunk = replace(past_run(4, 4), runtime_s=500.0, requests=(ScaleRequest(1, 1, 1, 0.0),))
    known = backed_forecast(forecast(9, 9, 9, 9), [*taken, shrunk, past_run(5, 2)], BOUNDS)
    assert known is not None
    assert (known.executors, known.median_s) == ((4,), (80.0,))


@pytest.mark.parametrize("sizes", [(), (1,), (1, 2)])
def test_runs_at_few_other_sizes_allow_to_say_nothing(sizes: tuple[int, ...]) -> None:
    runs = [past_run(number, size) for number, size in enumerate(sizes)]
    assert backed_forecast(forecast(9, 9, 9, 9), runs, BOUNDS) is None
