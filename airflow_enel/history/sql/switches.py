"""Reads and writes the switches by which people hold back the scaling of a recurring job.

They are kept by name, apart from the job itself: a job whose runs are all pruned stays paused.
"""

from __future__ import annotations

from sqlalchemy import and_, select, union
from sqlalchemy.orm import Session

from airflow_enel.domain import NO_SWITCHES, Switches
from airflow_enel.history.interface import RecurringJob
from airflow_enel.history.sql.sessions import SessionFactory, Sessions, airflow_session
from airflow_enel.history.sql.tables import Job, RunRecord, SwitchRecord


class JobSwitches:
    """The switches of all recurring jobs, for people.

    Its methods raise `HistoryError` if the database cannot be reached.

    :param session_factory: gives a session that commits when left well
    """

    def __init__(self, session_factory: SessionFactory = airflow_session) -> None:
        self._sessions = Sessions(session_factory)

    def jobs(self, job_key: str) -> tuple[RecurringJob, ...]:
        """Return the recurring jobs of this key, by DAG."""
        ran = select(Job.dag_id).where(Job.job_key == job_key)
        switched = select(SwitchRecord.dag_id).where(SwitchRecord.job_key == job_key)
        with self._sessions.read() as session:
            dag_ids = sorted(session.scalars(union(ran, switched)))
        return tuple(RecurringJob(dag_id, job_key) for dag_id in dag_ids)

    def of(self, job: RecurringJob) -> Switches:
        """Return the switches of a job."""
        with self._sessions.read() as session:
            return _value(session.get(SwitchRecord, (job.dag_id, job.job_key)))

    def save(self, job: RecurringJob, switches: Switches) -> None:
        """Set the switches of a job."""
        record = SwitchRecord(
            dag_id=job.dag_id,
            job_key=job.job_key,
            pause_in=switches.pause_in,
            pause_out=switches.pause_out,
            dry_run=switches.dry_run,
        )

        def work(session: Session) -> None:
            session.merge(record)

        self._sessions.write(work)


def switches_of_run(session: Session, run_id: str) -> Switches:
    """Return the switches of the recurring job of a run; none for a run that is not known."""
    same_job = and_(SwitchRecord.dag_id == Job.dag_id, SwitchRecord.job_key == Job.job_key)
    query = select(SwitchRecord).join(Job, same_job).join(RunRecord, RunRecord.job_id == Job.id)
    return _value(session.scalar(query.where(RunRecord.id == run_id)))


def _value(record: SwitchRecord | None) -> Switches:
    if record is None:
        return NO_SWITCHES
    return Switches(record.pause_in, record.pause_out, record.dry_run)
