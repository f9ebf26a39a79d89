"""Rules of the built-in policies: initial sizes, and sizes at barriers."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_enel.control.policies import PolicyContext, StartContext, find_policy
from airflow_enel.control.policies.profiling import careful_size, profiling
from airflow_enel.domain import Bounds, Progress, Proposal
from airflow_enel.predict.base import ReadsModels
from airflow_enel.predict.registry import create_forecaster
from tests.support.builders.snapshots import forecast, past_run, progress

BOUNDS = Bounds(2, 12)
LEARNT = [past_run(0, 12), past_run(1, 6), past_run(2, 3)]
DEADLINE = ["bell", "ellis", "enel-paper"]
ALL = ["static", "utilization", *DEADLINE]


def curve(scale: float = 600.0, floor: float = 0.0) -> dict[int, float]:
    """``scale`` executor-seconds of work that divide well."""
    return {s: floor + scale / s for s in BOUNDS.candidates}


def initial(
    name, seen=None, past_runs=(), target_s=100.0, given=None, is_retry=False, profile=False
):
    start = StartContext(tuple(past_runs), given, is_retry, profile)
    context = PolicyContext(seen, target_s, Progress.at_start(BOUNDS), BOUNDS, start)
    return find_policy(name).propose(context)


def at_barrier(name, seen, target_s, reached):
    return find_policy(name).propose(PolicyContext(seen, target_s, reached, BOUNDS))


class TestNeeds:
    def test_deadline_policies_need_a_forecaster(self):
        names = {name: find_policy(name).forecaster for name in ALL}
        assert names == {
            "static": None,
            "utilization": None,
            "bell": "bell",
            "ellis": "ellis",
            "enel-paper": "enel",
        }

    def test_static_and_bell_keep_their_size(self):
        assert [name for name in ALL if not find_policy(name).rescales] == ["static", "bell"]

    def test_only_deadline_policies_need_a_target(self):
        assert [name for name in ALL if find_policy(name).needs_target] == DEADLINE
        find_policy("static").check_target(None)

    @pytest.mark.parametrize("name", DEADLINE)
    def test_without_a_target_they_say_what_to_set(self, name):
        find_policy(name).check_target(1.0)
        with pytest.raises(ValueError, match=f'{name}.*set runtime_target, or policy="util'):
            find_policy(name).check_target(None)

    def test_only_enel_paper_reads_models(self):
        made = {name: create_forecaster(find_policy(name).forecaster) for name in DEADLINE}
        assert [n for n, made in made.items() if isinstance(made, ReadsModels)] == ["enel-paper"]


class TestContext:
    def test_the_time_left_is_what_remains_of_the_target(self):
        context = PolicyContext(None, 100.0, progress(6, 120.0), BOUNDS)
        assert context.time_left_s == -20.0

    def test_without_a_target_there_is_all_the_time(self):
        assert PolicyContext(None, None, progress(6), BOUNDS).time_left_s == float("inf")


class TestStatic:
    def test_starts_with_what_is_given_else_the_maximum(self):
        assert initial("static", target_s=None, given=5).executors == 5
        assert initial("static", target_s=None).executors == 12

    def test_needs_no_target_and_keeps(self):
        assert at_barrier("static", None, None, progress(7)).executors == 7


@pytest.mark.parametrize("name", DEADLINE)
class TestInitial:
    def test_is_the_smallest_size_in_time(self, name):
        proposal = initial(name, forecast(curve()), LEARNT)
        assert proposal == Proposal(
            6, "at 6 executors 100 s of work for 100 s of time; 6 is the smallest that fits"
        )

    def test_is_the_fastest_if_none_is_in_time(self, name):
        late = {s: 200.0 + abs(s - 9) for s in BOUNDS.candidates}
        proposal = initial(name, forecast(late), LEARNT)
        assert proposal.executors == 9
        assert proposal.reason.endswith("9 is the fastest, though too slow")

    def test_is_a_size_to_learn_from_at_first(self, name):
        proposal = initial(name, forecast(curve()), LEARNT[:1], profile=True)
        assert proposal.executors == 6
        assert "not been tried" in proposal.reason

    def test_misses_no_target_to_learn_unless_asked_to(self, name):
        proposal = initial(name, forecast(curve()), LEARNT[:1])
        assert proposal == Proposal(12, "the smallest that has met the target so far")

    def test_a_retry_takes_the_largest_size_instead(self, name):
        proposal = initial(name, forecast(curve()), LEARNT[:1], is_retry=True)
        assert proposal == Proposal(12, "a retry does not experiment")

    def test_a_retry_of_a_job_that_is_known_is_sized_like_any_run(self, name):
        proposal = initial(name, forecast(curve()), LEARNT, is_retry=True)
        assert proposal.executors == 6

    def test_is_the_maximum_where_history_gives_no_forecast(self, name):
        assert initial(name, None, LEARNT).executors == 12


class TestCareful:
    def test_begins_with_the_largest_size(self):
        assert careful_size([], 100.0, BOUNDS).executors == 12

    def test_goes_where_even_work_that_divides_perfectly_is_in_time(self):
        # 12 · 40 s = 480 executor-seconds of work; 85 s of time for it.
        assert careful_size([past_run(0, 12, 40.0)], 100.0, BOUNDS).executors == 6

    def test_the_slowest_past_run_counts(self):
        past_runs = [past_run(0, 12, 40.0), past_run(1, 12, 70.0)]
        assert careful_size(past_runs, 100.0, BOUNDS).executors == 10

    def test_stays_where_nothing_smaller_is_safe(self):
        past_runs = [past_run(0, 12, 90.0), past_run(1, 11, 95.0)]
        assert careful_size(past_runs, 100.0, BOUNDS).executors == 11

    def test_takes_the_largest_while_no_size_has_met_the_target(self):
        assert careful_size([past_run(0, 12, 150.0)], 100.0, BOUNDS).executors == 12

    def test_ends_once_enough_sizes_are_known(self):
        assert careful_size(LEARNT, 100.0, BOUNDS) is None


class TestProfiling:
    @pytest.mark.parametrize(
        ("bounds", "half_s", "expected"),
        [
            (Bounds(1, 12), 90.0, [12, 6, 3]),
            (Bounds(1, 12), 110.0, [12, 6, 9]),
            (Bounds(4, 36), 90.0, [36, 18, 9]),
            (Bounds(4, 36), 110.0, [36, 18, 27]),
            (Bounds(1, 3), 90.0, [3, 2, 1]),
            (Bounds(1, 3), 110.0, [3, 2, 1]),
            (Bounds(8, 10), 90.0, [10, 8, 9]),
            (Bounds(1, 2), 90.0, [2, 1]),
            (Bounds(5, 5), 90.0, [5]),
        ],
    )
    def test_tries_maximum_half_and_what_half_suggests(self, bounds, half_s, expected):
        past_runs, sizes = [], []
        while (proposal := profiling(past_runs, 100.0, bounds)) is not None:
            sizes.append(proposal.executors)
            runtime_s = half_s if len(past_runs) == 1 else 100.0
            past_runs.append(past_run(len(past_runs), proposal.executors, runtime_s))
        assert sizes == expected

    def test_many_runs_at_one_size_do_not_count_for_more(self):
        assert profiling([past_run(n, 12) for n in range(9)], 100.0, BOUNDS).executors == 6
        assert profiling([past_run(n, 5) for n in range(9)], 100.0, BOUNDS).executors == 12

    def test_the_latest_run_at_half_tells_whether_it_met_the_target(self):
        past_runs = [past_run(0, 12), past_run(2, 6, 90.0), past_run(1, 6, 200.0)]
        assert profiling(past_runs, 100.0, BOUNDS).executors == 3

    @given(
        st.lists(st.tuples(st.integers(1, 40), st.floats(1, 300)), max_size=8),
        st.integers(1, 20),
        st.integers(0, 20),
    )
    def test_stays_in_bounds_and_never_repeats_a_size(self, runs, minimum, width):
        bounds = Bounds(minimum, minimum + width)
        past_runs = [past_run(n, size, runtime_s) for n, (size, runtime_s) in enumerate(runs)]
        proposal = profiling(past_runs, 100.0, bounds)
        if proposal is not None:
            assert proposal.executors in bounds.candidates
            assert proposal.executors not in {size for size, _ in runs}


class TestEllisRule:
    """600 executor-seconds of work are left: 100 s at 6 executors."""

    @pytest.mark.parametrize(
        ("left_s", "expected", "reason"),
        [
            (100.0, 6, "100 s left of work for 100 s of time; that is close enough"),
            (96.0, 6, "100 s left of work for 96 s of time; that is close enough"),
            (117.0, 6, "100 s left of work for 117 s of time; that is close enough"),
            (95.0, 8, "100 s left of work for 95 s of time; 8 is the smallest that fits"),
            (118.0, 6, "100 s left of work for 118 s of time; 6 is the smallest that fits"),
            (150.0, 5, "100 s left of work for 150 s of time; 5 is the smallest that fits"),
            (1000.0, 2, "100 s left of work for 1000 s of time; 2 is the smallest that fits"),
            (40.0, 12, "100 s left of work for 40 s of time; 12 is the fastest"),
            (-20.0, 12, "100 s left of work, 20 s past the target; 12 is the fastest"),
        ],
    )
    def test_every_branch(self, left_s, expected, reason):
        proposal = at_barrier("ellis", forecast(curve()), 100.0 + left_s, progress(6))
        assert proposal == Proposal(expected, f"at 6 executors {reason}")

    def test_without_a_forecast_it_keeps(self):
        assert at_barrier("ellis", None, 200.0, progress(6)).executors == 6

    @pytest.mark.parametrize("left_s", [1.0, 100.0, 10_000.0])
    def test_where_no_size_makes_a_difference_it_keeps(self, left_s):
        flat = forecast({s: 100.0 + 1e-9 * s for s in BOUNDS.candidates})
        proposal = at_barrier("ellis", flat, 100.0 + left_s, progress(6))
        assert proposal.executors == 6
        assert proposal.reason.endswith("no size would change that")

    def test_up_is_never_fewer_even_where_fewer_are_faster(self):
        worse = forecast({s: 10.0 * s for s in BOUNDS.candidates})
        assert at_barrier("ellis", worse, 150.0, progress(6)).executors == 6

    def test_a_size_outside_the_bounds_counts_as_the_nearest_inside(self):
        assert at_barrier("ellis", forecast(curve()), 150.0, progress(40)).executors == 12

    @given(
        st.lists(st.floats(0, 1e6), min_size=11, max_size=11),
        st.floats(0, 1e5),
        st.floats(0.1, 1e5),
        st.integers(2, 12),
    )
    def test_up_never_means_fewer_and_down_never_more(self, median_s, elapsed_s, target_s, now):
        seen = forecast(dict(zip(BOUNDS.candidates, median_s, strict=True)))
        assume(min(median_s) < 0.99 * max(median_s))
        left_s = target_s - elapsed_s
        proposal = at_barrier("ellis", seen, target_s, progress(now, elapsed_s))
        assert proposal.executors in BOUNDS.candidates
        if seen.median(now) > 1.05 * left_s:
            assert proposal.executors >= now
        elif seen.median(now) < 0.85 * left_s:
            assert proposal.executors <= now
            assert seen.median(proposal.executors) < 0.9 * left_s
        else:
            assert proposal.executors == now


class TestEnelPaperRule:
    """600 executor-seconds of work are left: 100 s at 6 executors."""

    @pytest.mark.parametrize(
        ("left_s", "expected", "reason"),
        [
            (100.0, 6, "100 s left of work for 100 s of time; 6 is the smallest that fits"),
            (99.0, 7, "100 s left of work for 99 s of time; 7 is the smallest that fits"),
            (150.0, 4, "100 s left of work for 150 s of time; 4 is the smallest that fits"),
            (1000.0, 2, "100 s left of work for 1000 s of time; 2 is the smallest that fits"),
            (49.0, 12, "100 s left of work for 49 s of time; 12 is the fastest"),
            (-20.0, 12, "100 s left of work, 20 s past the target; 12 is the fastest"),
        ],
    )
    def test_is_the_smallest_whose_total_meets_the_target(self, left_s, expected, reason):
        seen = forecast(curve())
        proposal = at_barrier("enel-paper", seen, 100.0 + left_s, progress(6))
        assert proposal == Proposal(expected, f"at 6 executors {reason}")

    def test_is_the_smallest_prediction_if_none_does(self):
        worse = forecast({s: 200.0 + abs(s - 5) for s in BOUNDS.candidates})
        assert at_barrier("enel-paper", worse, 150.0, progress(9)).executors == 5

    def test_without_a_forecast_it_keeps(self):
        assert at_barrier("enel-paper", None, 200.0, progress(6)).executors == 6

    @pytest.mark.parametrize("left_s", [1.0, 100.0, 10_000.0])
    def test_where_no_size_makes_a_difference_it_keeps(self, left_s):
        flat = forecast({s: 100.0 + 1e-9 * s for s in BOUNDS.candidates})
        proposal = at_barrier("enel-paper", flat, 100.0 + left_s, progress(6))
        assert proposal.executors == 6
