from __future__ import annotations

import pytest

from airflow_enel.control.policies import PolicyContext, StartContext
from airflow_enel.control.policies.ellis import ELLIS
from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.simulation.baselines import (
    BASELINES,
    find_simulated_policy,
    simulator_names,
)
from tests.support.builders.past_runs import past_run

BOUNDS = Bounds(1, 8)


def at_start(past_runs: list[PastRun], target_s: float = 100.0) -> PolicyContext:
    start = StartContext(tuple(past_runs))
    return PolicyContext(None, target_s, Progress.at_start(BOUNDS), BOUNDS, start)


def taking(number: int, executors: int, seconds: float) -> PastRun:
    return past_run(number, executors, [seconds], ["all"], tail_s=0.0)


def spread(*shares: float) -> list[PastRun]:
    """Runs of 400/s seconds, times a share of each at every size."""
    return [
        taking(10 * size + number, size, share * 400.0 / size)
        for size in BOUNDS.candidates
        for number, share in enumerate(shares)
    ]


def risk_static(past_runs: list[PastRun]) -> int:
    return BASELINES["risk-static"].propose(at_start(past_runs)).executors


def test_risk_static_takes_the_smallest_size_that_nearly_always_is_in_time() -> None:
    assert risk_static(spread(0.98)) == 4
    # One of five would miss at 4 and at 5, where it takes 1.3 times as long.
    assert risk_static(spread(0.9, 0.9, 0.9, 0.9, 1.3)) == 6


def test_risk_static_takes_the_safest_size_if_none_is_safe() -> None:
    past = [taking(size, size, 300.0 / size + 95.0) for size in BOUNDS.candidates]
    assert risk_static(past) == 8


def test_risk_static_takes_the_largest_size_before_it_knows_anything() -> None:
    assert risk_static([]) == 8


def test_static_maximum_takes_the_largest_size() -> None:
    assert BASELINES["static-maximum"].propose(at_start(spread(1.0))).executors == 8


def test_ellis_published_starts_as_ellis_and_never_gets_another_size() -> None:
    published = BASELINES["ellis-published"]
    start = at_start(spread(1.0))
    assert published.propose(start) == ELLIS.propose(start)
    running = PolicyContext(None, 1.0, Progress.at_start(BOUNDS), BOUNDS)
    assert published.propose(running).executors == running.progress.requested


def test_an_unknown_policy_is_refused_with_all_that_there_are() -> None:
    with pytest.raises(ValueError, match="ellis, bell") as refused:
        find_simulated_policy("nothing")
    assert all(name in str(refused.value) for name in simulator_names())
