"""A query for the applications in the history, so that none is imported twice."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from airflow_enel.history.sql.sessions import SessionFactory, Sessions, airflow_session
from airflow_enel.history.sql.tables import Job, RunRecord


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run whose application is known; ``airflow_run_id`` is Airflow's ``run_id``."""

    id: str
    airflow_run_id: str


def known_applications(
    dag_id: str, session_factory: SessionFactory = airflow_session
) -> dict[str, list[KnownRun]]:
    """Return the runs of a DAG by their application's id.

    A run gets the id with its outcome: one whose import was interrupted is not among them.
    """
    query = select(RunRecord.app_id, RunRecord.id, RunRecord.run_id).join(Job)
    query = query.where(Job.dag_id == dag_id, RunRecord.app_id.is_not(None))
    known: dict[str, list[KnownRun]] = {}
    with Sessions(session_factory).read() as session:
        for app_id, run_id, airflow_run_id in session.execute(query):
            known.setdefault(str(app_id), []).append(KnownRun(run_id, airflow_run_id))
    return known
