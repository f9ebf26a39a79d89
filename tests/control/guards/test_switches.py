import pytest

from airflow_enel.control.guards import BASELINE_GUARDS, GUARDS
from airflow_enel.control.guards.apply import apply_guards
from airflow_enel.control.guards.switches import switched
from airflow_enel.domain import NO_SWITCHES, Proposal, Switches
from tests.support.builders.guards import changed, guard_context
from tests.support.builders.snapshots import progress


@pytest.mark.parametrize(
    ("switches", "release", "growth"),
    [
        (NO_SWITCHES, 4, 9),
        (Switches(pause_in=True), 6, 9),
        (Switches(pause_out=True), 4, 6),
        (Switches(pause_in=True, pause_out=True), 6, 6),
        (Switches(dry_run=True), 6, 6),
    ],
)
def test_switches_hold_back_what_they_name(switches, release, growth):
    for proposed, expected in ((4, release), (6, 6), (9, growth)):
        note = switched(proposed, guard_context(changed(), switches=switches))
        assert (proposed if note is None else note.executors) == expected


def test_a_dry_run_says_what_would_have_been_asked_for():
    seen = guard_context(changed(), switches=Switches(dry_run=True))
    decision = apply_guards(GUARDS, Proposal(99, "late"), seen, try_number=1)
    assert decision.reason == (
        "keep 6: late; bounds: 2 to 12 are allowed; dry-run: would have asked for 12"
    )


@pytest.mark.parametrize("guards", [BASELINE_GUARDS, GUARDS])
def test_switches_hold_for_every_policy(guards):
    seen = guard_context(changed(), switches=Switches(pause_out=True))
    assert apply_guards(guards, Proposal(9, ""), seen, try_number=1).executors == 6


def test_the_start_is_not_held_back():
    seen = guard_context(progress(12, epoch=0), switches=Switches(pause_in=True, dry_run=True))
    assert apply_guards(GUARDS, Proposal(4, ""), seen, try_number=1).executors == 4
