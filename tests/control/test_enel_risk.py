"""Policy ``enel-risk``: one size by an accepted risk, that only ever grows."""

from airflow_enel.control.policies import PolicyContext, StartContext, find_policy
from airflow_enel.domain import Bounds, Progress
from tests.support.builders.snapshots import forecast, past_run, progress

BOUNDS = Bounds(2, 12)
LEARNT = (past_run(0, 12), past_run(1, 6), past_run(2, 3))
PROPOSE = find_policy("enel-risk").propose


def curve(executor_seconds, fixed_s=0.0):
    return forecast({s: fixed_s + executor_seconds / s for s in BOUNDS.candidates})


def at_start(seen, risk=0.05, past_runs=LEARNT):
    start = StartContext(past_runs)
    return PROPOSE(PolicyContext(seen, 100.0, Progress.at_start(BOUNDS), BOUNDS, start, None, risk))


def at_barrier(seen, executors, left_s):
    reached = progress(executors, 100.0)
    return PROPOSE(PolicyContext(seen, 100.0 + left_s, reached, BOUNDS))


def test_starts_with_the_cheapest_size_of_an_accepted_risk():
    # 90 s at 6 executors: 15 % to miss; 83 s at 7: 2.4 %.
    assert at_start(curve(300.0, 40.0)).executors == 7
    assert at_start(curve(300.0, 40.0), risk=0.2).executors == 6


def test_takes_the_least_likely_to_miss_if_none_is_safe():
    assert at_start(curve(1200.0, 50.0)).executors == 12


def test_learns_from_safe_sizes_first():
    assert at_start(curve(300.0), past_runs=()).executors == 12


def test_keeps_its_size_while_the_risk_is_accepted():
    assert at_barrier(curve(300.0), 8, left_s=60.0).executors == 8


def test_never_shrinks_however_much_time_is_left():
    assert at_barrier(curve(300.0), 8, left_s=600.0).executors == 8


def test_grows_once_the_rest_has_become_too_risky():
    assert at_barrier(curve(300.0), 4, left_s=60.0).executors == 6


def test_keeps_its_size_without_a_forecast():
    assert at_barrier(None, 5, left_s=60.0).executors == 5
