"""Readings that are missing, old or by a clock that jumps: no late run gives executors back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.domain import Snapshot
from airflow_enel.simulation.application import Barrier
from airflow_enel.simulation.spark_events import Event
from airflow_enel.spark.agent_client import EventPage
from airflow_enel.spark.agent_reader import AgentReader
from tests.support.builders.disturbed_runs import (
    COMPONENTS,
    JOB,
    Reading,
    disturbed_run,
    undisturbed,
)

_MOMENTS = ("Timestamp", "Submission Time", "Completion Time")
SLOW = (1.6,) * COMPONENTS


def outage(first: int, last: int) -> Reading:
    """Nothing can be read at these barriers."""
    barriers = 0

    def read(barrier: Barrier, events: Sequence[Event]) -> tuple[Snapshot, float] | None:
        nonlocal barriers
        barriers += 1
        return None if first <= barriers <= last else undisturbed(barrier, events)

    return read


@dataclass
class JumpingClock:
    """Reads as an observer does while the driver's clock jumps.

    :param after_s: after so many seconds of the run
    :param by_s: forward if positive
    :param remembers: False for a reader that is new at each barrier, as in the pokes of a sensor
    """

    after_s: float
    by_s: float
    remembers: bool = True
    reader: AgentReader | None = None

    def __call__(self, barrier: Barrier, events: Sequence[Event]) -> tuple[Snapshot, float]:
        self.jump_at = barrier.started_at + self.after_s
        if self.reader is None or not self.remembers:
            self.reader = AgentReader()
        snapshot = self.reader.read(cast("Any", self.agent(barrier.now, events)))
        return snapshot, snapshot.read_at

    def agent(self, now: float, events: Sequence[Event]) -> Any:
        """What answers with all events after a number."""
        shown = [self.shown(event) for event in events]

        def after(number: int) -> EventPage:
            numbered = [{"seq": n, "event": event} for n, event in enumerate(shown, 1)]
            page = {"protocol": 1, "app_id": "app-1", "now_ms": self.by_clock(now * 1e3)}
            page |= {"first": 1, "last": len(shown), "more": False, "ended": False}
            return EventPage.model_validate({**page, "events": numbered[number:]})

        return SimpleNamespace(events=after)

    def by_clock(self, at_ms: float) -> float:
        return at_ms + 1e3 * self.by_s if at_ms >= 1e3 * self.jump_at else at_ms

    def shown(self, value: Any, name: str = "") -> Any:
        """An event with the moments that the driver's clock showed."""
        if isinstance(value, dict):
            return {key: self.shown(part, key) for key, part in value.items()}
        return round(self.by_clock(value)) if name in _MOMENTS else value


@pytest.mark.parametrize("target_s", [JOB.target_s, 60.0])
def test_after_one_failed_poll_a_run_is_sized_as_before(target_s: float) -> None:
    ran = disturbed_run(factors=SLOW, target_s=target_s, reading=outage(2, 2), initial=4)
    assert max(ran.sizes) > 4
    assert ran.shrunk_while_late == []


def test_a_run_that_cannot_be_read_any_more_keeps_its_size() -> None:
    ran = disturbed_run(factors=SLOW, reading=outage(6, COMPONENTS))
    assert len(ran.snapshot.finished_components) == COMPONENTS
    assert len(ran.changes) == 5
    assert ran.snapshot.requests[-1].executors == ran.sizes[-1]


@pytest.mark.parametrize("after_s", [30.0, 80.0])
@pytest.mark.parametrize("by_s", [600.0, -600.0])
@pytest.mark.parametrize("remembers", [True, False], ids=["observer", "pokes"])
@pytest.mark.parametrize("slow", [1.0, 2.5], ids=["in time", "late"])
@pytest.mark.parametrize("initial", [None, 16])
def test_a_clock_that_jumps_by_ten_minutes_makes_no_late_run_shrink(
    after_s: float, by_s: float, remembers: bool, slow: float, initial: int | None
) -> None:
    clock = JumpingClock(after_s, by_s, remembers)
    ran = disturbed_run(factors=[slow] * COMPONENTS, reading=clock, initial=initial)
    assert len(ran.snapshot.finished_components) == COMPONENTS
    assert ran.shrunk_while_late == []


@pytest.mark.parametrize("remembers", [True, False], ids=["observer", "pokes"])
def test_nothing_is_decided_after_the_clock_was_set_back(remembers: bool) -> None:
    ran = disturbed_run(factors=SLOW, reading=JumpingClock(40.0, -600.0, remembers))
    assert len(ran.changes) == 1
