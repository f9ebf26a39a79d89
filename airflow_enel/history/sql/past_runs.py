"""Queries for the past runs that estimators learn from, with components, stages and requests.

The number of queries does not grow with the runs. Rows are read instead of records: there are
thousands, and each record costs its bookkeeping.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from airflow_enel.domain import Component, PastRun, RunState, ScaleRequest, Stage
from airflow_enel.history.interface import DecisionStatus, RecurringJob
from airflow_enel.history.sql import mapping
from airflow_enel.history.sql.latest_runs import runs_to_learn_from
from airflow_enel.history.sql.tables import (
    ComponentRecord,
    DecisionRecord,
    Job,
    RunRecord,
    StageRecord,
)


def past_runs(
    session: Session, dag_id: str, job_key: str, limit: int, *, stages: bool
) -> tuple[PastRun, ...]:
    """Return what `History.past_runs` promises, by seven queries."""
    records = runs_to_learn_from(session, dag_id, job_key, limit)
    run_ids = [r.id for r in records]
    components = _components(session, run_ids, stages=stages)
    requests = _requests(session, run_ids)
    return tuple(
        mapping.past_run(r, dag_id, job_key, tuple(components[r.id]), tuple(requests[r.id]))
        for r in records
    )


def jobs_to_learn_from(session: Session) -> tuple[RecurringJob, ...]:
    """Return the recurring jobs that have a run that has succeeded."""
    succeeded = exists().where(
        RunRecord.job_id == Job.id, RunRecord.state == RunState.SUCCEEDED.value
    )
    query = select(Job.dag_id, Job.job_key).where(succeeded).order_by(Job.dag_id, Job.job_key)
    return tuple(RecurringJob(*row) for row in session.execute(query))


def _components(
    session: Session, run_ids: list[str], *, stages: bool
) -> defaultdict[str, list[Component]]:
    known = _stages(session, run_ids) if stages else {}
    read = {} if stages else _input_bytes(session, run_ids)
    found = defaultdict(list)
    for row in _rows(session, ComponentRecord, run_ids, ComponentRecord.position):
        place = (row.run_id, row.position)
        own, input_bytes = tuple(known.get(place, ())), None if stages else read.get(place, 0)
        found[row.run_id].append(mapping.component(row, own, input_bytes))
    return found


def _input_bytes(session: Session, run_ids: list[str]) -> dict[tuple[str, int], int]:
    """What `input_bytes_of` counts, without reading the stages that have read nothing."""
    stage = (StageRecord.run_id, StageRecord.position, StageRecord.stage_id)
    query = (
        select(StageRecord.run_id, StageRecord.position, func.max(StageRecord.input_bytes))
        .where(StageRecord.run_id.in_(run_ids), StageRecord.input_bytes > 0)
        .where(StageRecord.completed_at.is_not(None), StageRecord.failure.is_(None))
        .group_by(*stage)
    )
    found: dict[tuple[str, int], int] = {}
    for run_id, position, largest in session.execute(query):
        found[run_id, position] = found.get((run_id, position), 0) + largest
    return found


def _requests(session: Session, run_ids: list[str]) -> defaultdict[str, list[ScaleRequest]]:
    """Accepted decisions after the start: decision 0 is the size that the run began with."""
    asked = DecisionRecord
    query = (
        select(asked.run_id, asked.executors, asked.try_number, asked.epoch, asked.decided_at)
        .where(asked.run_id.in_(run_ids), asked.epoch > 0)
        .where(asked.status == DecisionStatus.ACCEPTED.value)
        .order_by(asked.decided_at, asked.epoch)
    )
    found = defaultdict(list)
    for row in session.execute(query):
        request = ScaleRequest(row.executors, row.try_number, row.epoch, row.decided_at)
        found[row.run_id].append(request)
    return found


def _stages(session: Session, run_ids: list[str]) -> dict[tuple[str, int], list[Stage]]:
    found: dict[tuple[str, int], list[Stage]] = {}
    order = (StageRecord.stage_id, StageRecord.attempt)
    for row in _rows(session, StageRecord, run_ids, *order):
        found.setdefault((row.run_id, row.position), []).append(mapping.stage(row))
    return found


def _rows(session: Session, table: Any, run_ids: list[str], *order: Any) -> Iterator[Any]:
    query = select(*table.__table__.columns).where(table.run_id.in_(run_ids))
    yield from session.execute(query.order_by(*order))
