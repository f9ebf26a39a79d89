"""`SqlHistory`: the history for processes that may open the metadata DB.

Two writers may do the same at the same time: rows have natural keys, the loser of a race meets
the winners' rows when it tries again, and changes of state are one conditional UPDATE each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from airflow_enel.domain import (
    AgentAccess,
    AgentAddress,
    Component,
    DagRunOutlook,
    JobRuns,
    PastRun,
    Run,
    RunKey,
    RunOutcome,
    RunState,
    ScaleAnswer,
    Step,
    Switches,
    training_name,
)
from airflow_enel.history.interface import (
    Application,
    DecisionRow,
    Log,
    RecurringJob,
    RunRow,
)
from airflow_enel.history.memory_queue import MemoryQueue
from airflow_enel.history.sql import decisions, mapping, past_runs, queries
from airflow_enel.history.sql.components import (
    finished_components,
    refuse_unfinished_or_twice,
    save_components,
)
from airflow_enel.history.sql.latest_runs import latest_runs
from airflow_enel.history.sql.outlook import outlook_of
from airflow_enel.history.sql.queries import existing_run, first_warning, unknown_run
from airflow_enel.history.sql.switches import switches_of_run
from airflow_enel.history.sql.tables import Job, RunRecord
from airflow_enel.history.sql.trained_models import SqlModels
from airflow_enel.history.wire import Address, BriefStep, MissWarned, OpenedRun, brief

_KNOWLEDGE = {
    RunState.SUBMITTED: 0,
    RunState.LOST: 1,
    RunState.SUCCEEDED: 2,
    RunState.FAILED: 2,
    RunState.KILLED: 2,
}
"""How much a state says of a run's end; one that says less never replaces one that says more."""


class SqlHistory(SqlModels):
    """`History` in the metadata DB.

    :param session_factory: gives a session that commits when left well
    :param decoded: True if all that is written was read from JSON by `wire.decode`, so that it
        need not be checked again
    """

    # -- what every History does

    def past_runs(
        self, dag_id: str, job_key: str, limit: int = 50, *, stages: bool = False
    ) -> tuple[PastRun, ...]:
        """Return runs to learn from, oldest first."""
        with self._sessions.read() as session:
            return past_runs.past_runs(session, dag_id, job_key, limit, stages=stages)

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        """Return the past runs of all recurring jobs, each job read when it is asked for."""
        for job in self.training_jobs():
            runs = self.past_runs(job.dag_id, job.job_key, limit_per_job, stages=True)
            if runs:
                yield JobRuns(training_name(job.dag_id, job.job_key), runs)

    def training_jobs(self) -> tuple[RecurringJob, ...]:
        """Return the recurring jobs that have runs that have succeeded."""
        with self._sessions.read() as session:
            return past_runs.jobs_to_learn_from(session)

    def open_run(self, run: Run, agent_token: str | None) -> None:
        """Store a run and its recurring job."""
        run = self._checked(OpenedRun, OpenedRun(run, agent_token)).run

        def work(session: Session) -> None:
            record = mapping.run_record(run, _job_id(session, run.key.dag_id, run.job_key))
            if agent_token is not None:
                record.agent_token = agent_token
            session.merge(record)

        self._sessions.write(work)

    def save_agent(self, run_id: str, address: AgentAddress) -> None:
        """Store where the agent of a run listens."""
        body = self._checked(Address, Address.of(address))

        def work(session: Session) -> None:
            existing_run(session, run_id)
            session.execute(
                update(RunRecord)
                .where(RunRecord.id == run_id)
                .values(agent_host=body.host, agent_port=body.port)
            )

        self._sessions.write(work)

    def agent_of(self, run_id: str) -> AgentAccess | None:
        """Return the token of a run's agent, and its address."""
        with self._sessions.read() as session:
            record = existing_run(session, run_id, with_token=True)
            if record.agent_token is None:
                return None
            address = None
            if record.agent_host is not None and record.agent_port is not None:
                address = AgentAddress(record.agent_host, record.agent_port)
            return AgentAccess(record.agent_token, address)

    def run(self, run_id: str) -> RunRow:
        """Return a run with its outcome, if it has ended."""
        with self._sessions.read() as session:
            row = queries.run_of(session, run_id)
        if row is None:
            raise unknown_run(run_id)
        return row

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        """Return a decision with its answer."""
        with self._sessions.read() as session:
            existing_run(session, run_id)
            return decisions.decision_of(session, run_id, epoch)

    def application(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> Application:
        """Return the Spark application of a task instance."""
        task = (dag_id, run_id, task_id, map_index)
        with self._sessions.read() as session:
            # The state first: a task that has ended by then has no run that is still to come.
            state = queries.task_state(session, *task)
            row = queries.latest_run_of(session, *task)
            known = 0 if row is None else queries.components_of(session, row.id)
            return Application(row, state, known)

    def outlook(self, dag_id: str, run_id: str, task_id: str, job_key: str) -> DagRunOutlook:
        """Return the deadlines of a DAG run, and what takes time there besides."""
        with self._sessions.read() as session:
            return outlook_of(session, dag_id, run_id, task_id, job_key)

    def switches(self, run_id: str) -> Switches:
        """Return what people hold back for the recurring job of a run."""
        with self._sessions.read() as session:
            return switches_of_run(session, run_id)

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        """Store finished components and their stages."""
        components = self._checked(tuple[Component, ...], components)
        components = tuple(sorted(components, key=lambda c: c.position))
        refuse_unfinished_or_twice(components)
        if not components:
            return

        def work(session: Session) -> None:
            existing_run(session, run_id)
            save_components(session, run_id, components)

        self._sessions.write(work)

    def intend(self, run_id: str, step: Step) -> bool:
        """Store a decision, unless the run has one of this epoch."""
        return self.intend_brief(run_id, brief(step))

    def intend_brief(self, run_id: str, body: BriefStep) -> bool:
        """Store a decision as `HttpHistory` sends it."""
        body = self._checked(BriefStep, body)

        def work(session: Session) -> bool:
            existing_run(session, run_id)
            return decisions.intend(session, run_id, body)

        return self._sessions.write(work)

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        """Store the answer to a decision, unless a better one is stored."""
        answer = None if answer is None else self._checked(ScaleAnswer, answer)

        def work(session: Session) -> None:
            existing_run(session, run_id)
            decisions.complete(session, run_id, epoch, answer)

        self._sessions.write(work)

    def warn_of_miss(self, run_id: str, at: float) -> bool:
        """Store when people are told that a run will miss its target, unless they were before."""
        at = self._checked(MissWarned, MissWarned(at)).at

        def work(session: Session) -> bool:
            existing_run(session, run_id)
            return first_warning(session, run_id, at)

        return self._sessions.write(work)

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        """Store how a run ended, unless more is known of its end."""
        outcome = self._checked(RunOutcome, outcome)
        known = _KNOWLEDGE[outcome.state]
        replaceable = [s.value for s, says in _KNOWLEDGE.items() if says <= known]

        def work(session: Session) -> None:
            existing_run(session, run_id)
            session.execute(
                update(RunRecord)
                .where(RunRecord.id == run_id, RunRecord.state.in_(replaceable))
                .values(**mapping.outcome_values(outcome))
                .execution_options(synchronize_session=False)
            )

        self._sessions.write(work)

    def write_queue(self, file: Path, log: Log) -> MemoryQueue:  # noqa: ARG002
        """Return a queue in memory: an outage of the database is one of this process too."""
        return MemoryQueue(self, log)

    # -- for pages, tables and the API

    def runs(
        self, dag_id: str | None = None, job_key: str | None = None, limit: int = 100
    ) -> tuple[RunRow, ...]:
        """Return the latest runs, newest first, of a DAG, a recurring job, or all."""
        newest_first = (RunRecord.submitted_at.desc(), RunRecord.id)
        with self._sessions.read() as session:
            ids = latest_runs(session, dag_id, job_key, limit)
            query = queries.select_runs().where(RunRecord.id.in_(ids)).order_by(*newest_first)
            return tuple(mapping.run_row(*row) for row in session.execute(query))

    def decisions(self, run_id: str) -> tuple[DecisionRow, ...]:
        """Return the decisions of a run, by epoch."""
        with self._sessions.read() as session:
            existing_run(session, run_id)
            return decisions.decisions_of(session, run_id)

    def components(self, run_id: str) -> tuple[Component, ...]:
        """Return the finished components of a run with their stages."""
        with self._sessions.read() as session:
            existing_run(session, run_id)
            return finished_components(session, run_id)

    def runs_beginning(self, prefix: str, limit: int = 10) -> tuple[RunRow, ...]:
        """Return runs whose ids begin with a text, newest first."""
        query = queries.select_runs().where(RunRecord.id.startswith(prefix, autoescape=True))
        query = query.order_by(RunRecord.submitted_at.desc(), RunRecord.id).limit(limit)
        with self._sessions.read() as session:
            return tuple(mapping.run_row(*row) for row in session.execute(query))

    def owner_of(self, run_id: str) -> RunKey:
        """Return the task instance of a run, and the try that submitted it."""
        query = select(
            Job.dag_id,
            RunRecord.run_id,
            RunRecord.task_id,
            RunRecord.map_index,
            RunRecord.submit_try,
        ).join(RunRecord)
        with self._sessions.read() as session:
            row = session.execute(query.where(RunRecord.id == run_id)).one_or_none()
        if row is None:
            raise unknown_run(run_id)
        return RunKey(*row)


def _job_id(session: Session, dag_id: str, job_key: str) -> int:
    known = session.scalar(select(Job.id).where(Job.dag_id == dag_id, Job.job_key == job_key))
    if known is not None:
        return known
    job = Job(dag_id=dag_id, job_key=job_key)
    session.add(job)
    session.flush()
    return job.id
