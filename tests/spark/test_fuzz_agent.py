"""Whatever an agent sends: no crash, and no other size because of bad data."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.fuzzing import agent_pages as payloads
from tests.support.fuzzing.agent_pages import Case
from tests.support.fuzzing.agent_stream import healthy, page, written
from tests.support.fuzzing.verdict import fault, verdict

HEALTHY = Case("healthy", (written(page(healthy())),))


def faults(cases: Iterable[Case]) -> list[tuple[str, str]]:
    expected = verdict(HEALTHY)
    found = ((case.name, fault(case, expected)) for case in cases)
    return [(name, wrong) for name, wrong in found if wrong]


def test_the_healthy_stream_gets_another_size() -> None:
    step = verdict(HEALTHY)
    assert step
    assert (step.decision.executors_before, step.decision.executors) == (4, 7)


def test_no_field_of_a_wrong_kind_and_no_broken_page_changes_the_size() -> None:
    cases = list(payloads.curated())
    assert len(cases) > 1000
    assert faults(cases) == []


def test_no_random_damage_changes_the_size() -> None:
    assert faults(payloads.generated(seed=1, count=1000)) == []
