"""Queries for the outlook of a DAG run: its deadlines, and how long what follows has taken.

They read Airflow's own tables, only those rows that belong to one DAG.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from airflow_enel.domain import FINAL_TASK_STATES, IMPORTED, DagRunOutlook
from airflow_enel.history.critical_path import (
    Successors,
    critical_path,
    descendants,
    high_quantile,
)
from airflow_enel.history.sql.tables import Job, RunRecord

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

log = logging.getLogger(__name__)

_PAST_DAG_RUNS: Final = 30
_PAST_STARTS: Final = 30
_NAMED: Final = 10  # tasks without history in an answer


def outlook_of(
    session: Session, dag_id: str, run_id: str, task_id: str, job_key: str
) -> DagRunOutlook:
    """Return what `History.outlook` promises."""
    from airflow.models.dagrun import DagRun  # noqa: PLC0415 - takes seconds

    start_up_s = _start_up_s(session, dag_id, job_key)
    query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    dag_run = session.scalars(query).one_or_none()
    if dag_run is None:
        return DagRunOutlook(start_up_s=start_up_s)
    tasks = _tasks_of_dag(session, dag_run)
    successors: Successors = {task.task_id: task.downstream_task_ids for task in tasks}
    following = descendants(successors, task_id) - _finished_tasks(session, dag_run)
    following -= {task.task_id for task in tasks if _watches(task, task_id)}
    seconds = _expected_s(session, dag_run, following)
    path = critical_path(successors, task_id, seconds)
    unknown = sorted(following - seconds.keys())
    return DagRunOutlook(
        deadlines_at=_deadlines_at(session, dag_run),
        following=path.tasks,
        following_s=path.seconds,
        without_history=tuple(unknown[:_NAMED]),
        start_up_s=start_up_s,
    )


def _deadlines_at(session: Session, dag_run: DagRun) -> tuple[float, ...]:
    from airflow.models.deadline import Deadline  # noqa: PLC0415 - as above

    query = select(Deadline.deadline_time).where(Deadline.dagrun_id == dag_run.id)
    return tuple(sorted(moment.timestamp() for moment in session.scalars(query)))


def _start_up_s(session: Session, dag_id: str, job_key: str) -> float | None:
    """Return the time from submission to start; imported runs have only the latter."""
    query = (
        select(RunRecord.submitted_at, RunRecord.started_at)
        .join(Job)
        .where(Job.dag_id == dag_id, Job.job_key == job_key)
        .where(RunRecord.started_at.is_not(None), RunRecord.policy != IMPORTED)
        .order_by(RunRecord.submitted_at.desc())
        .limit(_PAST_STARTS)
    )
    # Worker and driver may have different clocks.
    taken = [
        max(started - submitted, 0.0)
        for submitted, started in session.execute(query)
        if started is not None
    ]
    return high_quantile(taken) if taken else None


def _tasks_of_dag(session: Session, dag_run: DagRun) -> list[Any]:
    """Return the tasks of the DAG, none if Airflow cannot read it."""
    from airflow.models.dagbag import DBDagBag  # noqa: PLC0415 - as above

    try:
        dag = DBDagBag(load_op_links=False).get_dag_for_run(dag_run, session)
    except Exception as error:  # of any operator's own deserialization
        log.warning("The tasks of DAG %r cannot be read: %s", dag_run.dag_id, type(error).__name__)
        return []
    return [] if dag is None else list(dag.tasks)


def _watches(task: Any, task_id: str) -> bool:
    """True for an `EnelSparkSensor` on a task: it takes the time of the application itself."""
    watched = getattr(task, "external_task_id", None)
    return watched == task_id and not hasattr(task, "external_dag_id")  # Airflow's own sensor


def _finished_tasks(session: Session, dag_run: DagRun) -> set[str]:
    """Return the tasks of which every task instance in a DAG run has ended."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - as above

    query = select(TaskInstance.task_id, TaskInstance.state).distinct()
    query = query.where(
        TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
    )
    finished: set[str] = set()
    open_tasks: set[str] = set()
    for task_id, state in session.execute(query):
        (finished if _name(state) in FINAL_TASK_STATES else open_tasks).add(task_id)
    return finished - open_tasks


def _expected_s(session: Session, dag_run: DagRun, tasks: Collection[str]) -> dict[str, float]:
    """Return how long tasks are expected to take, for those that have a history.

    The history is of the latest DAG runs in which a task has ended well. A DAG run in which it was
    skipped counts as 0 s: a branch that is hardly ever taken, or a task that only follows failures,
    keeps no time free.
    """
    if not tasks:
        return {}
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for (task_id, _), rows in _past_instances(session, dag_run, tasks).items():
        seconds = _seconds_of(rows)
        if seconds is not None:
            taken[task_id].append(seconds)
    return {task_id: high_quantile(values) for task_id, values in taken.items()}


def _past_instances(
    session: Session, dag_run: DagRun, tasks: Collection[str]
) -> dict[tuple[str, str], list[Any]]:
    """Return state, first moments and last moment of task instances, by task and DAG run."""
    from airflow.models.dagrun import DagRun  # noqa: PLC0415 - as above
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415

    latest = (
        select(DagRun.run_id)
        .where(DagRun.dag_id == dag_run.dag_id)
        .where(DagRun.state.in_(("success", "failed")))
        .order_by(DagRun.run_after.desc())
        .limit(_PAST_DAG_RUNS)
    )
    of = TaskInstance
    query = (
        select(
            *(of.task_id, of.run_id, of.state),
            *(func.min(of.scheduled_dttm), func.min(of.start_date), func.max(of.end_date)),
        )
        .where(of.dag_id == dag_run.dag_id, of.run_id.in_(session.scalars(latest).all()))
        .where(of.task_id.in_(tasks))
        .group_by(of.task_id, of.run_id, of.state)
    )
    found: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
    for task_id, run_id, *row in session.execute(query):
        found[task_id, run_id].append(row)
    return found


def _seconds_of(rows: Iterable[Any]) -> float | None:
    """Return how long a task took in a DAG run, None if it did not end well.

    All instances of a mapped task together: from the moment when it could begin, so that time in
    a queue counts, to the end of the last. A resumed instance was scheduled again after its start.
    """
    begins: list[datetime] = []
    ends: list[datetime] = []
    for state, scheduled, start, end in rows:
        if _name(state) not in ("success", "skipped", "removed"):
            return None
        if _name(state) == "success":
            if start is None or end is None:
                return None
            begins.append(start if scheduled is None else min(scheduled, start))
            ends.append(end)
    if not ends:
        return 0.0
    return max((max(ends) - min(begins)).total_seconds(), 0.0)


def _name(state: object) -> str:
    return str(getattr(state, "value", state))
