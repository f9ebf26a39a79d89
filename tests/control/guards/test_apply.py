import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.guards import BASELINE_GUARDS
from airflow_enel.control.guards.apply import apply_guards
from airflow_enel.control.guards.base import freshness, within_bounds
from airflow_enel.control.planning.proposal import PlannedProposal
from airflow_enel.domain import Bounds, Decision, GuardNote, Proposal
from tests.support.builders.guards import BOUNDS, guard_context
from tests.support.builders.snapshots import forecast, progress

FRESH = progress(6)
STALE = progress(6, age_s=31.0)
HOLES = progress(6, complete=False)


def decided(executors: int, guards=BASELINE_GUARDS, seen=FRESH, **changes) -> Decision:
    proposal = Proposal(executors, "because")
    return apply_guards(guards, proposal, guard_context(seen, now=5.0, **changes), try_number=2)


def test_a_proposal_no_guard_objects_to_is_the_decision():
    assert decided(9) == Decision(
        epoch=1,
        try_number=2,
        decided_at=5.0,
        executors_before=6,
        executors=9,
        miss_probability=None,
        proposal=Proposal(9, "because"),
        guards=(),
    )
    assert decided(9).reason == "scale 6 → 9: because"


@pytest.mark.parametrize("seen", [STALE, HOLES])
@pytest.mark.parametrize("executors", [2, 12])
def test_nothing_changes_without_a_fresh_reading(seen, executors):
    decision = decided(executors, seen=seen)
    assert decision.executors == 6
    assert decision.guards == (GuardNote("freshness", 6, "no fresh reading"),)
    assert decision.reason == "keep 6: because; freshness: no fresh reading"


def test_keeping_needs_no_fresh_reading():
    assert freshness(6, guard_context(STALE)) is None


@pytest.mark.parametrize(("executors", "allowed"), [(0, 2), (-5, 2), (2, 2), (12, 12), (99, 12)])
def test_bounds_hold(executors, allowed):
    note = within_bounds(executors, guard_context(FRESH))
    assert (executors if note is None else note.executors) == allowed


def test_bounds_hold_whatever_the_list_of_guards_says():
    assert decided(99, guards=()).executors == 12
    unruly = [lambda *_: GuardNote("unruly", 1000, "more is more")]
    decision = decided(9, guards=unruly)
    assert [note.guard for note in decision.guards] == ["unruly", "bounds"]
    assert decision.executors == 12


def test_guards_see_the_number_as_the_ones_before_left_it():
    one_less = [lambda n, _: GuardNote("less", n - 1, "thrift")] * 3
    decision = decided(9, guards=one_less)
    assert [note.executors for note in decision.guards] == [8, 7, 6]


def test_a_guard_that_changes_nothing_leaves_no_note():
    assert decided(9, guards=[lambda n, _: GuardNote("same", n, "nothing")]).guards == ()


def test_a_plan_tells_when_it_ends_unless_a_guard_changes_it():
    seen = forecast({size: 600.0 / size for size in BOUNDS.candidates})
    context = guard_context(FRESH, forecast=seen, target_s=1000.0)
    proposal = PlannedProposal(10, "planned", 0.25, 42.0)
    kept = apply_guards((), proposal, context, try_number=1)
    assert (kept.miss_probability, kept.expected_s) == (0.25, 42.0)
    less = [lambda *_: GuardNote("less", 6, "thrift")]
    changed = apply_guards(less, proposal, context, try_number=1)
    assert changed.expected_s == seen.median(6)
    assert changed.miss_probability != 0.25


def test_without_a_forecast_nobody_knows_when_the_run_ends():
    assert decided(9).expected_s is None


def test_the_probability_to_miss_is_that_of_the_decided_size():
    seen = forecast({s: 600.0 / s for s in BOUNDS.candidates})
    sizes = {"target_s": 200.0, "forecast": seen}
    assert decided(6, **sizes).miss_probability == pytest.approx(0.5)
    assert decided(99, **sizes).miss_probability < 0.001
    assert decided(6, forecast=seen).miss_probability is None
    assert decided(6, target_s=200.0).miss_probability is None
    assert decided(6, target_s=200.0, forecast=forecast({3: 1.0})).miss_probability is None


def test_a_numpy_integer_becomes_an_int():
    decision = decided(np.int64(9))
    assert type(decision.executors) is int
    assert type(decision.proposal.executors) is int


@pytest.mark.parametrize("executors", [float("nan"), float("inf"), 6.5, "6", None])
def test_what_is_no_whole_number_does_not_get_through(executors):
    with pytest.raises(TypeError):
        decided(executors)


def test_at_the_start_only_the_bounds_hold():
    unruly = [lambda *_: GuardNote("unruly", 3, "nothing is there to be kept")]
    decision = decided(99, guards=unruly, seen=progress(12, epoch=0))
    assert [note.guard for note in decision.guards] == ["bounds"]
    assert decision.executors == 12


@given(st.integers(), st.integers(1, 100), st.integers(0, 100), st.booleans(), st.integers(0, 200))
def test_every_decision_is_within_bounds(executors, minimum, width, complete, requested):
    bounds = Bounds(minimum, minimum + width)
    seen = guard_context(progress(requested, complete=complete), bounds=bounds)
    decision = apply_guards(BASELINE_GUARDS, Proposal(executors, ""), seen, try_number=1)
    assert bounds.minimum <= decision.executors <= bounds.maximum
