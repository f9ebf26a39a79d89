"""Queries for the latest runs, which walk an index and stop after a few rows.

A query over all runs of a DAG or a recurring job would read, and perhaps sort, tens of thousands
of rows to show fifty. So the jobs of a DAG are asked one by one, in one statement, and sizes are
found by jumping from one to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, select, union_all
from sqlalchemy.orm import Session, aliased

from airflow_enel.domain import RunState
from airflow_enel.history.interface import RUNS_PER_OTHER_SIZE
from airflow_enel.history.sql.tables import Job, RunRecord

_JOBS_PER_QUERY: Final = 100  # SQLite takes 500 parts of a union


def latest_runs(session: Session, dag_id: str | None, job_key: str | None, limit: int) -> list[str]:
    """Return ids of the runs that were submitted last, newest first."""
    if dag_id is None and job_key is None:
        return [run_id for run_id, _ in session.execute(_last_submitted(limit))]
    jobs = select(Job.id)
    if dag_id is not None:
        jobs = jobs.where(Job.dag_id == dag_id)
    if job_key is not None:
        jobs = jobs.where(Job.job_key == job_key)
    job_ids = session.scalars(jobs).all()
    found: list[tuple[str, float]] = []
    for start in range(0, len(job_ids), _JOBS_PER_QUERY):
        parts = [
            select(_last_submitted(limit, RunRecord.job_id == job_id).subquery())
            for job_id in job_ids[start : start + _JOBS_PER_QUERY]
        ]
        found += [(run_id, at) for run_id, at in session.execute(union_all(*parts))]
    found.sort(key=lambda run: (-run[1], run[0]))
    return [run_id for run_id, _ in found[:limit]]


def _last_submitted(limit: int, *where: ColumnElement[bool]) -> Select[str, float]:
    query = select(RunRecord.id, RunRecord.submitted_at).where(*where)
    return query.order_by(RunRecord.submitted_at.desc(), RunRecord.id).limit(limit)


def runs_to_learn_from(session: Session, dag_id: str, job_key: str, limit: int) -> list[RunRecord]:
    """Return what `History.past_runs` promises, oldest first."""
    job_id = session.scalar(select(Job.id).where(Job.dag_id == dag_id, Job.job_key == job_key))
    if job_id is None:
        return []
    usable = _usable(select(RunRecord), RunRecord, job_id)
    latest = session.scalars(usable.limit(limit)).all()
    others: Sequence[RunRecord] = ()
    ids = _latest_at_other_sizes(session, job_id, {r.initial_executors for r in latest})
    if ids:
        others = session.scalars(usable.where(RunRecord.id.in_(ids)).limit(limit)).all()
    return sorted([*latest, *others], key=lambda r: (r.started_at or 0.0, r.id))


def _usable(query: Select[Any], run: Any, job_id: int) -> Select[Any]:
    return (
        query.where(run.job_id == job_id, run.state == RunState.SUCCEEDED.value)
        .where(run.started_at.is_not(None), run.complete.is_(True), run.runtime_s > 0)
        .order_by(run.started_at.desc(), run.id.desc())
    )


def _latest_at_other_sizes(session: Session, job_id: int, known: set[int]) -> list[str]:
    """The latest few runs at each initial size that is not known."""
    sizes = _sizes(job_id)
    run = aliased(RunRecord)
    at_size = _usable(select(run.id), run, job_id).where(run.initial_executors == sizes.c.size)
    ids = [at_size.limit(1).offset(n).scalar_subquery() for n in range(RUNS_PER_OTHER_SIZE)]
    query = select(*ids).where(sizes.c.size.is_not(None), sizes.c.size.not_in(known))
    return [run_id for row in session.execute(query) for run_id in row if run_id is not None]


def _sizes(job_id: int) -> Any:
    """The initial sizes of a job's succeeded runs, ascending, with a NULL at the end."""
    first, following = aliased(RunRecord), aliased(RunRecord)
    sizes = _smallest(first, job_id).cte("sizes", recursive=True)
    larger = _smallest(following, job_id).where(following.initial_executors > sizes.c.size)
    return sizes.union_all(select(larger.scalar_subquery()).where(sizes.c.size.is_not(None)))


def _smallest(run: Any, job_id: int) -> Select[Any]:
    smallest = select(func.min(run.initial_executors).label("size"))
    return smallest.where(run.job_id == job_id, run.state == RunState.SUCCEEDED.value)
