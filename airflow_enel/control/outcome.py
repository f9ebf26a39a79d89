"""Outcome of a run: final state, runtime, violation of its target, executor-seconds."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_enel.control.progress import executors_lost
from airflow_enel.domain import RunOutcome, RunState

if TYPE_CHECKING:
    from airflow_enel.domain import Snapshot


def final_state(exit_code: int | None, *, killed: bool) -> RunState:
    """The final state of a run.

    :param exit_code: of spark-submit, None if it is unknown
    :param killed: True if it was ended on purpose
    """
    if killed:
        return RunState.KILLED
    if exit_code is None:
        return RunState.LOST
    return RunState.SUCCEEDED if exit_code == 0 else RunState.FAILED


def outcome(
    snapshot: Snapshot, exit_code: int | None, target_s: float | None, state: RunState
) -> RunOutcome:
    """Sum up a run from the last reading of it.

    Rescales are accepted requests that changed the number; reversals are changes of direction
    among them. Executor-seconds are counted until the end of the application, or until the
    reading if its end was not seen. ``executors_at_start`` are those really there when the first
    component finished, at the end if none did: what was requested need not have come.
    """
    runtime_s = None
    if snapshot.started_at is not None and snapshot.ended_at is not None:
        runtime_s = max(snapshot.ended_at - snapshot.started_at, 0.0)
    violation_s = None
    if runtime_s is not None and target_s is not None:
        violation_s = max(runtime_s - target_s, 0.0)
    changes = _changes(snapshot)
    until = snapshot.read_at if snapshot.ended_at is None else snapshot.ended_at
    return RunOutcome(
        state=state,
        exit_code=exit_code,
        app_id=snapshot.app_id,
        started_at=snapshot.started_at,
        ended_at=snapshot.ended_at,
        runtime_s=runtime_s,
        executor_seconds=snapshot.executor_seconds(until),
        executors_at_start=snapshot.executors_at(_first_finish(snapshot, until)),
        executors_lost=executors_lost(snapshot),
        rescales=len(changes),
        reversals=sum(before * after < 0 for before, after in pairwise(changes)),
        violation_s=violation_s,
        complete=snapshot.complete and not snapshot.local_mode,
    )


def _first_finish(snapshot: Snapshot, otherwise: float) -> float:
    finishes = [c.finished_at for c in snapshot.components if c.finished_at is not None]
    return min(finishes, default=otherwise)


def _changes(snapshot: Snapshot) -> list[int]:
    """By how much each request changed the number, without those that kept it."""
    asked = [r.executors for r in sorted(snapshot.requests, key=lambda r: r.requested_at)]
    if snapshot.initial_executors is not None:
        asked.insert(0, snapshot.initial_executors)
    return [after - before for before, after in pairwise(asked) if after != before]
