"""Table of what was decided in the demo's runs: when, from how many executors to how many, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rich.table import Table

from airflow_enel.domain import Progress, Step
from airflow_enel.history.interface import DecisionRow, DecisionStatus, RunRow

_LIKELY: Final = 0.05
"""Probability to be late that is worth to be told: the risk that is accepted by default."""

Cells = tuple[str, str, str, str]
"""When, executors, why, outcome."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An incident.

    :param at: seconds since the epoch
    """

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run of the demo as the metadata DB remembers it, and what was done to it."""

    row: RunRow
    decisions: tuple[DecisionRow, ...]
    incidents: tuple[Happened, ...] = ()


def decision_table(runs: Sequence[FinishedRun]) -> Table:
    """What was decided in the runs, oldest first, in less than 100 columns."""
    table = Table(title="What was decided, from the Airflow metadata DB", title_justify="left")
    table.add_column("run", justify="right")
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("executors", justify="right", no_wrap=True)
    table.add_column("why", max_width=42)
    table.add_column("outcome", max_width=26)
    for number, run in enumerate(runs, start=1):
        table.add_section()
        for place, cells in enumerate(_cells(run, first=number == 1)):
            table.add_row("" if place else str(number), *cells)
    return table


def _cells(run: FinishedRun, *, first: bool) -> Iterator[Cells]:
    outcome, target_s = run.row.outcome, run.row.run.runtime_target_s or 0.0
    began_at = (outcome and outcome.started_at) or run.row.run.submitted_at
    made = [
        (decided_at(row.step, began_at), cells)
        for row, cells in _decisions(run.decisions, target_s, first=first)
    ]
    made += [(i.at - began_at, ("", f"[bold]{i.text}[/bold]", "")) for i in run.incidents]
    for at_s, cells in sorted(made, key=lambda row: row[0]):
        yield "start" if at_s <= 0 else f"{at_s:.0f} s", *cells
    if outcome is None or outcome.runtime_s is None:
        yield "", "", "", run.row.state.value
        return
    cost = f"{outcome.executor_seconds:.0f} executor-seconds"
    yield f"{outcome.runtime_s:.0f} s", "end", cost, _verdict(run.row)


def decided_at(step: Step, began_at: float) -> float:
    """Seconds from the start of the application to a decision, 0 for the initial one."""
    return max(step.decision.decided_at - began_at, 0.0) if step.decision.epoch else 0.0


def _decisions(
    rows: Sequence[DecisionRow], target_s: float, *, first: bool
) -> Iterator[tuple[DecisionRow, tuple[str, str, str]]]:
    """Decisions that Spark has followed: the initial one and those that changed the number."""
    for row in rows[:1]:
        yield row, (f"→ {row.step.decision.executors}", why_initial(row.step, target_s, first), "")
    for before, row in pairwise(rows):
        decision = row.step.decision
        if decision.changes and row.status is DecisionStatus.ACCEPTED:
            change = f"{decision.executors_before} → {decision.executors}"
            yield row, (change, why_changed(row.step, before.step.progress, target_s), "")


def why_initial(step: Step, target_s: float, first: bool) -> str:
    """Why a run started with that many executors, without the words of statistics."""
    decision = step.decision
    if first:
        return "nothing is known of the job yet: the most that is allowed"
    if "compare" in decision.proposal.reason or "not been tried" in decision.proposal.reason:
        return "to learn what fewer executors do"
    return f"cheapest in time: {_expected(decision.expected_s, target_s)}"


def why_changed(step: Step, before: Progress, target_s: float) -> str:
    """Why a running application got another number of executors, likewise.

    :param before: the progress at the decision before
    """
    decision, left_s = step.decision, target_s - step.progress.elapsed_s
    lost = "an executor was lost; " if step.progress.lost > before.lost else ""
    kept = decision.executors_before
    if decision.executors < kept:
        early = "early, so tries fewer" if "trying" in decision.proposal.reason else "early"
        return f"{lost}{early}: {_expected(decision.expected_s, left_s)}"
    forecast = step.forecast
    if forecast is not None and kept in forecast.executors:
        late = forecast.miss_probability(kept, left_s)
        if late > _LIKELY:
            needed = _expected(forecast.median(kept), left_s)
            return f"{lost}{late:.0%} likely to be late with {kept}: {needed}"
    return f"{lost}cheapest in time: {_expected(decision.expected_s, left_s)}"


def _expected(expected_s: float | None, left_s: float) -> str:
    if expected_s is None:
        return f"{left_s:.0f} s of time"
    return f"{expected_s:.0f} s of work for {left_s:.0f} s of time"


def _verdict(row: RunRow) -> str:
    target_s, outcome = row.run.runtime_target_s, row.outcome
    violation_s = outcome.violation_s if outcome else None
    if violation_s is None:
        return row.state.value
    if violation_s == 0:
        return f"[green]met the target of {target_s:.0f} s[/green]"
    return f"[red]missed {target_s:.0f} s by {max(violation_s, 1):.0f} s[/red]"
