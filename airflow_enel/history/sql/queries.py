"""Queries for single runs, used by several modules here."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, undefer

from airflow_enel.history.interface import DecisionStatus, RunRow, UnknownRun
from airflow_enel.history.sql import mapping
from airflow_enel.history.sql.tables import ComponentRecord, DecisionRecord, Job, RunRecord

_MICROSECOND: Final = 1e-6


def existing_run(session: Session, run_id: str, *, with_token: bool = False) -> RunRecord:
    """Return the record of a run.

    :param with_token: True to read its agent's token at once
    :raises UnknownRun: if there is none
    """
    options = [undefer(RunRecord.agent_token)] if with_token else []
    record = session.get(RunRecord, run_id, options=options)
    if record is None:
        raise unknown_run(run_id)
    return record


def unknown_run(run_id: str) -> UnknownRun:
    """What to raise for a run that nobody has opened."""
    return UnknownRun(f"no run {run_id[:40]!r}: open it first")


def first_warning(session: Session, run_id: str, at: float) -> bool:
    """Store when people are told of a miss; False if they were told at another moment."""
    session.execute(
        update(RunRecord)
        .where(RunRecord.id == run_id, RunRecord.miss_warned_at.is_(None))
        .values(miss_warned_at=at)
        .execution_options(synchronize_session=False)
    )
    stored = session.scalar(select(RunRecord.miss_warned_at).where(RunRecord.id == run_id))
    return stored is not None and abs(stored - at) < _MICROSECOND


def select_runs() -> Select[Any]:
    """Return the query for what `mapping.run_row` takes."""
    rescales = (
        select(func.count())
        .where(DecisionRecord.run_id == RunRecord.id, DecisionRecord.epoch > 0)
        .where(DecisionRecord.status == DecisionStatus.ACCEPTED.value)
        .where(DecisionRecord.executors != DecisionRecord.executors_before)
        .scalar_subquery()
    )
    return select(RunRecord, Job.dag_id, Job.job_key, rescales).join(Job)


def run_of(session: Session, run_id: str) -> RunRow | None:
    """Return a run by its `RunKey.id`."""
    row = session.execute(select_runs().where(RunRecord.id == run_id)).one_or_none()
    return None if row is None else mapping.run_row(*row)


def latest_run_of(
    session: Session, dag_id: str, run_id: str, task_id: str, map_index: int
) -> RunRow | None:
    """Return the run of a task instance that was submitted last.

    A task that was given another job key between its tries has runs of several recurring jobs.
    """
    row = session.execute(
        select_runs()
        .where(Job.dag_id == dag_id, RunRecord.run_id == run_id)
        .where(RunRecord.task_id == task_id, RunRecord.map_index == map_index)
        .order_by(RunRecord.submit_try.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else mapping.run_row(*row)


def components_of(session: Session, run_id: str) -> int:
    """Return how many components of a run are stored."""
    count = select(func.count()).select_from(ComponentRecord)
    return session.scalar(count.where(ComponentRecord.run_id == run_id)) or 0


def task_state(
    session: Session, dag_id: str, run_id: str, task_id: str, map_index: int
) -> str | None:
    """Return Airflow's state of a task instance, whose row is that of its newest try."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - takes seconds

    state = session.scalar(
        select(TaskInstance.state).where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.run_id == run_id,
            TaskInstance.task_id == task_id,
            TaskInstance.map_index == map_index,
        )
    )
    return None if state is None else str(getattr(state, "value", state))
