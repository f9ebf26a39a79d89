import pytest

from airflow_enel.control.guards import Limits
from airflow_enel.control.guards.pace import action_budget, cool_down, hysteresis, step_limit
from tests.support.builders.guards import BOUNDS, changed, guard_context
from tests.support.builders.snapshots import START, forecast

LATE = {"forecast": forecast({s: 600.0 / s for s in BOUNDS.candidates}), "target_s": 150.0}
"""50 s are left: every size up to 11 is likely to miss."""
EARLY = LATE | {"target_s": 1000.0}


class TestStepLimit:
    @pytest.mark.parametrize(
        ("proposed", "allowed"), [(401, 400), (400, 400), (25, 25), (24, 25), (100, 100)]
    )
    def test_is_a_factor_for_many_executors(self, proposed, allowed):
        note = step_limit(proposed, guard_context(changed(initial=100)))
        assert (proposed if note is None else note.executors) == allowed

    @pytest.mark.parametrize(("proposed", "allowed"), [(37, 36), (36, 36), (1, 1)])
    def test_is_a_number_for_few(self, proposed, allowed):
        note = step_limit(proposed, guard_context(changed(initial=4)))
        assert (proposed if note is None else note.executors) == allowed

    def test_holds_for_a_run_that_is_late(self):
        limits = Limits(step_factor=1.0, step_executors=2)
        note = step_limit(12, guard_context(changed(), limits=limits, **LATE))
        assert note.executors == 8
        assert note.reason == "4 to 8 are one step from 6"


class TestCoolDown:
    """The change by two executors 4 s ago has paused the run for 5 s."""

    SEEN = changed((56.0, 8))

    @pytest.mark.parametrize("proposed", [7, 9])
    def test_keeps_the_size_after_a_change(self, proposed):
        note = cool_down(proposed, guard_context(self.SEEN, limits=Limits(cool_down=3.0)))
        assert note.executors == 8
        assert note.reason == "the last change was 4 s ago, the next is due after 15 s"

    def test_ends_after_so_many_pauses(self):
        limits = Limits(cool_down=0.8)  # 4 s
        assert cool_down(9, guard_context(self.SEEN, limits=limits)) is None

    def test_counts_the_pause_of_a_release(self):
        seen = changed((56.0, 4))  # 2 s
        assert cool_down(9, guard_context(seen, limits=Limits(cool_down=2.0))) is None
        assert cool_down(9, guard_context(seen, limits=Limits(cool_down=2.1))) is not None

    def test_lets_a_run_at_risk_grow(self):
        assert cool_down(9, guard_context(self.SEEN, **LATE)) is None

    def test_releases_nothing_of_a_run_at_risk(self):
        assert cool_down(7, guard_context(self.SEEN, **LATE)) is not None

    def test_holds_for_a_run_in_time(self):
        assert cool_down(9, guard_context(self.SEEN, **EARLY)) is not None

    def test_does_not_begin_with_the_start_of_the_run(self):
        assert cool_down(9, guard_context(changed())) is None

    def test_requests_that_keep_the_number_do_not_count(self):
        seen = changed((20.0, 8), (59.0, 8))
        assert cool_down(9, guard_context(seen)) is None

    def test_a_clock_that_was_set_back_does_not_prolong_it(self):
        assert cool_down(9, guard_context(self.SEEN, now=START - 600.0)) is None


class TestHysteresis:
    LIMITS = Limits(reversals=1)
    THERE_AND_BACK = changed((10.0, 8), (30.0, 6))

    def test_allows_one_reversal(self):
        assert hysteresis(7, guard_context(changed((10.0, 8)), limits=self.LIMITS)) is None

    def test_refuses_the_second(self):
        note = hysteresis(8, guard_context(self.THERE_AND_BACK, limits=self.LIMITS))
        assert note.executors == 6
        assert note.reason == "the direction has changed 1 × already"

    def test_allows_more_in_the_same_direction(self):
        assert hysteresis(4, guard_context(self.THERE_AND_BACK, limits=self.LIMITS)) is None

    def test_lets_a_run_at_risk_grow(self):
        seen = guard_context(self.THERE_AND_BACK, limits=self.LIMITS, **LATE)
        assert hysteresis(8, seen) is None

    def test_releases_nothing_of_a_run_at_risk(self):
        seen = guard_context(changed((10.0, 4), (30.0, 8)), limits=self.LIMITS, **LATE)
        assert hysteresis(6, seen).executors == 8


class TestActionBudget:
    LIMITS = Limits(changes=3)

    def test_keeps_the_last_change_for_growth(self):
        seen = guard_context(changed((10.0, 8), (30.0, 6)), limits=self.LIMITS)
        assert action_budget(5, seen).executors == 6
        assert action_budget(7, seen) is None

    def test_holds_for_a_run_that_is_late(self):
        seen = changed((10.0, 8), (30.0, 6), (40.0, 9))
        note = action_budget(12, guard_context(seen, limits=self.LIMITS, **LATE))
        assert note.executors == 9
        assert note.reason == "3 changes of 3"

    def test_requests_that_keep_the_number_do_not_count(self):
        seen = changed((10.0, 6), (20.0, 6), (30.0, 6), (40.0, 6))
        assert action_budget(9, guard_context(seen, limits=self.LIMITS)) is None
