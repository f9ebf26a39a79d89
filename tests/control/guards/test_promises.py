from collections import Counter
from dataclasses import replace

import pytest

from airflow_enel.control.guards import GUARDS
from tests.support.fuzzing import guard_states
from tests.support.fuzzing.guard_states import fault, generated

STATES = 10_000


def test_no_decision_breaks_a_promise():
    counts = Counter(fault(state) for state in generated(1, STATES))
    assert counts == {None: STATES}


def test_many_states_lead_to_a_change():
    changed = sum(s.decision.executors != s.context.progress.requested for s in generated(1, 1000))
    assert changed > 100


@pytest.mark.parametrize(
    ("guard", "promise"),
    [
        ("freshness", "freshness"),
        ("cached_data", "cached data"),
        ("step_limit", "step"),
        ("cool_down", "cool-down"),
        ("action_budget", "budget"),
        ("hysteresis", "reversals"),
        ("switched", "switches"),
    ],
)
def test_without_its_guard_every_promise_is_broken(monkeypatch, guard, promise):
    others = tuple(g for g in GUARDS if g.__name__ != guard)
    assert len(others) == len(GUARDS) - 1
    monkeypatch.setattr(guard_states, "GUARDS", others)
    assert promise in {fault(state) for state in generated(1, 3000)}


def test_a_seed_gives_the_same_states():
    assert list(generated(3, 50)) == list(generated(3, 50))


def test_the_proposal_of_what_is_asked_for_already_passes_every_guard():
    for state in generated(4, 2000):
        requested = state.context.progress.requested
        if state.context.bounds.clamp(requested) == requested:
            assert replace(state, proposed=requested).decision.guards == ()
