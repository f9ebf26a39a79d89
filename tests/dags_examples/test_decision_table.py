"""The demo's table says in plain words when the number of executors changed, and why."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from airflow_enel.domain import Forecast, Proposal, ScaleAnswer, Step
from airflow_enel.history.interface import DecisionRow, DecisionStatus, RunRow
from dags_examples.demo.decision_table import (
    FinishedRun,
    Happened,
    decision_table,
    why_changed,
    why_initial,
)
from dags_examples.demo.task_log import WIDTH
from tests.support.builders import samples

TARGET_S = 65.0
LATE_AT_2 = Forecast("enel", (1, 2, 4), (120.0, 65.0, 33.0), (0.1, 0.1, 0.1))
STARTED_AT = samples.outcome().started_at or 0.0


def decided(
    epoch: int,
    before: int,
    executors: int,
    reason: str = "cheapest plan in time: …",
    *,
    lost: int = 0,
    expected_s: float | None = 30.0,
    forecast: Forecast | None = LATE_AT_2,
) -> Step:
    """A decision so many times 10 s after the start."""
    plain = samples.step(epoch, before=before, executors=executors)
    decision = replace(
        plain.decision,
        proposal=Proposal(executors, reason),
        expected_s=expected_s,
        decided_at=STARTED_AT + 10.0 * epoch,
    )
    seen = replace(plain.progress, elapsed_s=10.0 * epoch, lost=lost)
    return Step(seen, forecast, decision)


def row_of(step: Step, status: DecisionStatus = DecisionStatus.ACCEPTED) -> DecisionRow:
    return DecisionRow(step, (), status, ScaleAnswer(True, step.decision.executors, ""))


def finished(*steps: Step, incidents: tuple[Happened, ...] = (), **changes: Any) -> FinishedRun:
    run = samples.run(runtime_target_s=TARGET_S)
    outcome = samples.outcome(runtime_s=51.0, executor_seconds=131.2, **changes)
    row = RunRow("id", run, outcome.state, outcome, 1)
    return FinishedRun(row, tuple(map(row_of, steps)), incidents)


def printed(*runs: FinishedRun) -> str:
    console = Console(file=StringIO(), width=WIDTH)
    console.print(decision_table(runs))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("reason", "first", "why"),
    [
        (
            "the largest size has not been tried yet",
            True,
            "nothing is known of the job yet: the most that is allowed",
        ),
        (
            "half the largest size has not been tried yet",
            False,
            "to learn what fewer executors do",
        ),
        (
            "cheapest plan in time: 30 s of 65 s left, …",
            False,
            "cheapest in time: 30 s of work for 65 s of time",
        ),
    ],
)
def test_the_initial_size_is_explained(reason: str, first: bool, why: str) -> None:
    assert why_initial(decided(0, 0, 2, reason), TARGET_S, first) == why


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (decided(1, 2, 4), "95% likely to be late with 2: 65 s of work for 55 s of time"),
        (
            decided(1, 2, 4, lost=1),
            "an executor was lost; 95% likely to be late with 2: 65 s of work for 55 s of time",
        ),
        (
            decided(1, 1, 2, forecast=None),
            "cheapest in time: 30 s of work for 55 s of time",
        ),
        (decided(1, 4, 2), "early: 30 s of work for 55 s of time"),
        (
            decided(1, 4, 2, "the next component has never run with fewer than 4: trying 2; …"),
            "early, so tries fewer: 30 s of work for 55 s of time",
        ),
        (decided(1, 4, 2, expected_s=None), "early: 55 s of time"),
    ],
    ids=["late", "lost", "no forecast", "early", "trying", "nothing expected"],
)
def test_a_change_is_explained(step: Step, why: str) -> None:
    assert why_changed(step, decided(0, 0, 2).progress, TARGET_S) == why


def test_a_run_has_its_decisions_its_incidents_and_its_end_in_order_of_time() -> None:
    steps = (decided(0, 0, 2), decided(1, 2, 2), decided(2, 2, 4), decided(3, 4, 2))
    happened = (Happened(STARTED_AT + 15.0, "the input doubles"),)
    text = printed(finished(decided(0, 0, 4)), finished(*steps, incidents=happened))
    places = [
        text.index(part)
        for part in (
            "nothing is known",
            "→ 2",
            "the input doubles",
            "20 s │     2 → 4",
            "30 s │     4 → 2",
        )
    ]
    assert places == sorted(places)
    assert "2 → 2" not in text
    assert "131 executor-seconds" in text
    assert "met the target of 65 s" in text


def test_what_spark_did_not_take_is_left_out() -> None:
    run = finished(decided(0, 0, 2))
    refused = row_of(decided(1, 2, 4), DecisionStatus.REFUSED)
    assert "2 → 4" not in printed(replace(run, decisions=(*run.decisions, refused)))


def test_a_run_that_was_late_says_by_how_much() -> None:
    assert "missed 65 s by 4 s" in printed(finished(decided(0, 0, 2), violation_s=4.2))


def test_the_table_fits_the_width_of_the_demo() -> None:
    steps = (decided(0, 0, 2), decided(1, 2, 4, lost=1))
    lines = printed(finished(decided(0, 0, 4)), finished(*steps)).splitlines()
    assert max(map(len, lines)) <= WIDTH
