"""History in the metadata DB, for processes that have one.

Two writers may do the same at the same time: rows have natural keys, the loser of a race meets
the winners' rows when it tries again, and changes of state are one conditional UPDATE each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from airflow_enel.domain import (
    Component,
    PastRun,
    Run,
    RunKey,
    RunOutcome,
    RunState,
    ScaleAnswer,
    Stage,
    Step,
)
from airflow_enel.history import mapping, past, queries
from airflow_enel.history.base import (
    Application,
    DecisionRow,
    DecisionStatus,
    HistoryRefused,
    JobRuns,
    RecurringJob,
    RunRow,
    UnknownRun,
)
from airflow_enel.history.latest import latest_runs
from airflow_enel.history.models import SqlModels
from airflow_enel.history.tables import (
    ComponentRecord,
    DecisionRecord,
    Job,
    RunRecord,
    StageRecord,
)
from airflow_enel.history.wire import Address, AgentAccess, BriefStep, OpenedRun, brief, checked

_KNOWLEDGE = {
    RunState.SUBMITTED: 0,
    RunState.RUNNING: 1,
    RunState.LOST: 2,
    RunState.SUCCEEDED: 3,
    RunState.FAILED: 3,
    RunState.KILLED: 3,
}
"""How much a state says of a run's end; one that says less never replaces one that says more."""

_LESSER_ANSWERS = {
    DecisionStatus.UNANSWERED: ("intended",),
    DecisionStatus.REFUSED: ("intended", "unanswered"),
    DecisionStatus.ACCEPTED: ("intended", "unanswered", "refused"),
}


class SqlHistory(SqlModels):
    """`History` in the metadata DB.

    :param session_factory: gives a session that commits when left well
    """

    # -- what every History does

    def past_runs(
        self, dag_id: str, job_key: str, limit: int = 50, *, stages: bool = False
    ) -> tuple[PastRun, ...]:
        """Return runs to learn from, oldest first."""
        with self._sessions.read() as session:
            return past.past_runs(session, dag_id, job_key, limit, stages=stages)

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        """Return the past runs of all recurring jobs, each job read when it is asked for."""
        for job in self.training_jobs():
            runs = self.past_runs(job.dag_id, job.job_key, limit_per_job, stages=True)
            if runs:
                yield JobRuns(job, runs)

    def training_jobs(self) -> tuple[RecurringJob, ...]:
        """Return the recurring jobs that have runs that have succeeded."""
        with self._sessions.read() as session:
            return past.jobs_to_learn_from(session)

    def open_run(self, run: Run, agent_token: str | None) -> None:
        """Remember a run and its recurring job."""
        run = checked(OpenedRun, OpenedRun(run, agent_token)).run

        def work(session: Session) -> None:
            record = mapping.run_record(run, _job_id(session, run.key.dag_id, run.job_key))
            if agent_token is not None:
                record.agent_token = agent_token
            session.merge(record)

        self._sessions.write(work)

    def save_agent(self, run_id: str, host: str, port: int) -> None:
        """Remember where the agent of a run listens."""
        address = checked(Address, Address(host, port))

        def work(session: Session) -> None:
            _existing(session, run_id)
            session.execute(
                update(RunRecord)
                .where(RunRecord.id == run_id)
                .values(agent_host=address.host, agent_port=address.port)
            )

        self._sessions.write(work)

    def agent_of(self, run_id: str) -> tuple[str, int, str] | None:
        """Return host, port and token of a run's agent."""
        access = self.agent_access(run_id)
        if access is None or access.host is None or access.port is None:
            return None
        return access.host, access.port, access.token

    def token_of(self, run_id: str) -> str | None:
        """Return the token of a run's agent."""
        access = self.agent_access(run_id)
        return access.token if access else None

    def agent_access(self, run_id: str) -> AgentAccess | None:
        """Return how to be let in by a run's agent, and where it listens if that is known."""
        with self._sessions.read() as session:
            record = _existing(session, run_id, with_token=True)
            if record.agent_token is None:
                return None
            return AgentAccess(record.agent_host, record.agent_port, record.agent_token)

    def run(self, run_id: str) -> RunRow:
        """Return a run with its outcome so far."""
        with self._sessions.read() as session:
            row = queries.run_of(session, run_id)
        if row is None:
            raise _unknown(run_id)
        return row

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        """Return a decision and what came of it."""
        with self._sessions.read() as session:
            _existing(session, run_id)
            record = session.get(DecisionRecord, (run_id, epoch))
            if record is None:
                raise _no_decision(run_id, epoch)
            return mapping.decision_row(record)

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

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        """Remember finished components and their stages."""
        components = checked(tuple[Component, ...], components)
        components = tuple(sorted(components, key=lambda c: c.position))
        _refuse_unfinished_or_twice(components)
        if not components:
            return

        def work(session: Session) -> None:
            _existing(session, run_id)
            _save_components(session, run_id, components)
            session.flush()  # stages refer to components
            _save_stages(session, run_id, components)

        self._sessions.write(work)

    def intend(self, run_id: str, step: Step) -> bool:
        """Record a decision, unless the run has one of this epoch."""
        return self.intend_brief(run_id, brief(step))

    def intend_brief(self, run_id: str, body: BriefStep) -> bool:
        """Record a decision as `HttpHistory` sends it."""
        body = checked(BriefStep, body)

        def work(session: Session) -> bool:
            _existing(session, run_id)
            if session.get(DecisionRecord, (run_id, body.step.decision.epoch)) is not None:
                return False
            session.add(mapping.decision_record(run_id, body))
            return True

        return self._sessions.write(work)

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        """Record what came of a decision, unless something better is known."""
        status, message, executors = DecisionStatus.UNANSWERED, None, None
        if answer is not None:
            answer = checked(ScaleAnswer, answer)
            status = DecisionStatus.ACCEPTED if answer.accepted else DecisionStatus.REFUSED
            message, executors = answer.message, answer.executors

        def work(session: Session) -> None:
            _existing(session, run_id)
            if session.get(DecisionRecord, (run_id, epoch)) is None:
                raise _no_decision(run_id, epoch)
            session.execute(
                update(DecisionRecord)
                .where(DecisionRecord.run_id == run_id, DecisionRecord.epoch == epoch)
                .where(DecisionRecord.status.in_(_LESSER_ANSWERS[status]))
                .values(status=status.value, answer=message, executors_then=executors)
                .execution_options(synchronize_session=False)
            )

        self._sessions.write(work)

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        """Record how a run goes or went, unless more is known of its end."""
        outcome = checked(RunOutcome, outcome)
        known = _KNOWLEDGE[outcome.state]
        replaceable = [s.value for s, says in _KNOWLEDGE.items() if says <= known]

        def work(session: Session) -> None:
            _existing(session, run_id)
            session.execute(
                update(RunRecord)
                .where(RunRecord.id == run_id, RunRecord.state.in_(replaceable))
                .values(**mapping.outcome_values(outcome))
                .execution_options(synchronize_session=False)
            )

        self._sessions.write(work)

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
        query = select(DecisionRecord).where(DecisionRecord.run_id == run_id)
        with self._sessions.read() as session:
            _existing(session, run_id)
            records = session.scalars(query.order_by(DecisionRecord.epoch))
            return tuple(map(mapping.decision_row, records))

    def components(self, run_id: str) -> tuple[Component, ...]:
        """Return the finished components of a run with their stages."""
        rows = select(ComponentRecord).where(ComponentRecord.run_id == run_id)
        stage_rows = select(StageRecord).where(StageRecord.run_id == run_id)
        stages: dict[int, list[Stage]] = defaultdict(list)
        with self._sessions.read() as session:
            _existing(session, run_id)
            for row in session.scalars(
                stage_rows.order_by(StageRecord.stage_id, StageRecord.attempt)
            ):
                stages[row.position].append(mapping.stage(row))
            return tuple(
                mapping.component(row, tuple(stages[row.position]))
                for row in session.scalars(rows.order_by(ComponentRecord.position))
            )

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
            raise _unknown(run_id)
        return RunKey(*row)


def _job_id(session: Session, dag_id: str, job_key: str) -> int:
    known = session.scalar(select(Job.id).where(Job.dag_id == dag_id, Job.job_key == job_key))
    if known is not None:
        return known
    job = Job(dag_id=dag_id, job_key=job_key)
    session.add(job)
    session.flush()
    return job.id


def _existing(session: Session, run_id: str, *, with_token: bool = False) -> RunRecord:
    options = [undefer(RunRecord.agent_token)] if with_token else []
    record = session.get(RunRecord, run_id, options=options)
    if record is None:
        raise _unknown(run_id)
    return record


def _save_components(session: Session, run_id: str, components: tuple[Component, ...]) -> None:
    first, last = components[0].position, components[-1].position
    query = select(ComponentRecord).where(
        ComponentRecord.run_id == run_id, ComponentRecord.position.between(first, last)
    )
    known = {r.position: r for r in session.scalars(query)}
    for component in components:
        record = mapping.component_record(run_id, component)
        if component.position in known:
            session.merge(record)  # no change, no UPDATE
        else:
            session.add(record)


def _save_stages(session: Session, run_id: str, components: tuple[Component, ...]) -> None:
    first, last = components[0].position, components[-1].position
    query = select(StageRecord).where(
        StageRecord.run_id == run_id, StageRecord.position.between(first, last)
    )
    known = {(r.position, r.stage_id, r.attempt): r for r in session.scalars(query)}
    for component in components:
        for stage in component.stages:
            record = mapping.stage_record(run_id, component.position, stage)
            if (component.position, stage.stage_id, stage.attempt) in known:
                session.merge(record)
            else:
                session.add(record)


def _refuse_unfinished_or_twice(components: tuple[Component, ...]) -> None:
    for before, component in zip((None, *components), components, strict=False):
        if component.finished_at is None:
            raise HistoryRefused(f"component {component.position} has not finished: leave it out")
        if before is not None and before.position == component.position:
            raise HistoryRefused(f"there are two components {component.position}")
        attempts = [(s.stage_id, s.attempt) for s in component.stages]
        if len(set(attempts)) != len(attempts):
            raise HistoryRefused(f"component {component.position} has a stage attempt twice")


def _unknown(run_id: str) -> UnknownRun:
    return UnknownRun(f"no run {run_id[:40]!r}: open it first")


def _no_decision(run_id: str, epoch: int) -> UnknownRun:
    return UnknownRun(f"run {run_id} has no decision {epoch}: record it with intend")
