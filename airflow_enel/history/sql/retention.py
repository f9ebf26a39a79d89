"""Removal of old runs, for ``airflow enel prune``.

Nothing of a run stays behind, on any database: rows are deleted from the leaves up, whether or
not foreign keys are enforced. Batches are small transactions, so that running applications that
store their components meanwhile wait for a moment only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Subquery, case, delete, exists, func, select
from sqlalchemy.orm import Session

from airflow_enel.domain import RunState
from airflow_enel.history.interface import RUNS_PER_OTHER_SIZE
from airflow_enel.history.sql.sessions import SessionFactory, Sessions, airflow_session
from airflow_enel.history.sql.tables import (
    ComponentRecord,
    DecisionRecord,
    Job,
    ModelRecord,
    RunRecord,
    StageRecord,
)

RUNS_PER_BATCH: Final = 50

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Which runs may be removed. With both limits a run must be beyond both.

    :param keep_runs: of every recurring job so many of the newest runs that succeeded stay, and
        as many of the newest that did not; beside them, of every initial size, the few latest
        that `History.past_runs` learns from
    :param older_than_days: runs that were submitted since then stay; without this limit, runs
        that have not ended stay forever
    :raises ValueError: without a limit, or if one cannot be met
    """

    keep_runs: int | None = None
    older_than_days: float | None = None

    def __post_init__(self) -> None:
        if self.keep_runs is None and self.older_than_days is None:
            raise ValueError("say what may be removed: --keep-runs N or --older-than DAYS")
        if self.keep_runs is not None and self.keep_runs < 1:
            raise ValueError(f"--keep-runs must be at least 1, not {self.keep_runs}")
        if self.older_than_days is not None and not 0 < self.older_than_days < float("inf"):
            raise ValueError(f"--older-than must be more than 0 days, not {self.older_than_days}")


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed of one recurring job; ``run_ids`` are `RunKey.id`, oldest first."""

    dag_id: str
    job_key: str
    run_ids: tuple[str, ...]
    kept: int
    oldest_at: float
    newest_at: float


class Retention:
    """Removes old runs.

    :param session_factory: gives a session that commits when left well
    """

    def __init__(self, session_factory: SessionFactory = airflow_session) -> None:
        self._sessions = Sessions(session_factory)

    def plan(self, limits: Limits, now: float) -> tuple[Removal, ...]:
        """Return what the limits allow to remove, by recurring job; nothing is changed.

        :param now: seconds since the epoch
        """
        beyond = _beyond(limits, now)
        query = (
            select(Job.dag_id, Job.job_key, beyond.c.id, beyond.c.submitted_at)
            .join(beyond, beyond.c.job_id == Job.id)
            .order_by(Job.dag_id, Job.job_key, beyond.c.submitted_at, beyond.c.id)
        )
        totals = select(Job.dag_id, Job.job_key, func.count()).join(RunRecord).group_by(Job.id)
        found: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
        with self._sessions.read() as session:
            for dag_id, job_key, run_id, submitted_at in session.execute(query):
                found[dag_id, job_key].append((run_id, submitted_at))
            counted = {(d, j): n for d, j, n in session.execute(totals)} if found else {}
        return tuple(
            Removal(
                dag_id,
                job_key,
                run_ids=tuple(run_id for run_id, _ in runs),
                kept=counted[dag_id, job_key] - len(runs),
                oldest_at=runs[0][1],
                newest_at=runs[-1][1],
            )
            for (dag_id, job_key), runs in found.items()
        )

    def remove(
        self, removals: tuple[Removal, ...], on_removed: Callable[[int], None] | None = None
    ) -> int:
        """Remove runs with all that belongs to them; return how many recurring jobs went too.

        Those are all recurring jobs without runs. May be interrupted and repeated.

        :param on_removed: called after each batch with the number of runs removed in it
        """
        run_ids = [run_id for removal in removals for run_id in removal.run_ids]
        for start in range(0, len(run_ids), RUNS_PER_BATCH):
            batch = run_ids[start : start + RUNS_PER_BATCH]
            self._sessions.write(partial(_delete_runs, run_ids=batch))
            if on_removed is not None:
                on_removed(len(batch))
        return self._sessions.write(_delete_empty_jobs)


def _beyond(limits: Limits, now: float) -> Subquery:
    """Runs that the limits allow to remove: id, job_id, submitted_at."""
    succeeded = case((RunRecord.state == RunState.SUCCEEDED.value, 1), else_=0)
    newest_first = (RunRecord.submitted_at.desc(), RunRecord.id.desc())
    ranked = select(
        RunRecord.id,
        RunRecord.job_id,
        RunRecord.state,
        RunRecord.submitted_at,
        _rank(RunRecord.job_id, succeeded, order=newest_first).label("rank"),
        _rank(RunRecord.job_id, succeeded, RunRecord.initial_executors, order=newest_first).label(
            "rank_at_size"
        ),
    ).subquery()
    query = select(ranked.c.id, ranked.c.job_id, ranked.c.submitted_at)
    if limits.keep_runs is not None:
        to_learn_from = (ranked.c.state == RunState.SUCCEEDED.value) & (
            ranked.c.rank_at_size <= RUNS_PER_OTHER_SIZE
        )
        query = query.where(ranked.c.rank > limits.keep_runs, ~to_learn_from)
    if limits.older_than_days is not None:
        query = query.where(ranked.c.submitted_at < now - limits.older_than_days * _DAY_S)
    else:
        query = query.where(ranked.c.state != RunState.SUBMITTED.value)
    return query.subquery()


def _rank(*groups: Any, order: tuple[Any, ...]) -> ColumnElement[int]:
    return func.row_number().over(partition_by=groups, order_by=order)


def _delete_runs(session: Session, run_ids: list[str]) -> None:
    for table in (StageRecord, ComponentRecord, DecisionRecord):
        session.execute(delete(table).where(table.run_id.in_(run_ids)))
    session.execute(delete(RunRecord).where(RunRecord.id.in_(run_ids)))


def _delete_empty_jobs(session: Session) -> int:
    # A transaction that opens a run of such a job at this moment waits for this one, or this one
    # for it: then the second query, which is a later statement, sees its run.
    empty = ~exists().where(RunRecord.job_id == Job.id)
    locked = session.scalars(select(Job.id).where(empty).with_for_update()).all()
    removed = 0
    for start in range(0, len(locked), RUNS_PER_BATCH):
        batch = locked[start : start + RUNS_PER_BATCH]
        gone = session.scalars(select(Job.id).where(Job.id.in_(batch), empty)).all()
        session.execute(delete(ModelRecord).where(ModelRecord.job_id.in_(gone)))
        session.execute(delete(Job).where(Job.id.in_(gone)))
        removed += len(gone)
    return removed
