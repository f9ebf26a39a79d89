"""Queries that write and read the decisions of a run and their answers.

A decision is written once, and a better answer is never replaced by a lesser one.

The functions take a run that exists, see `queries.existing_run`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from airflow_enel.domain import ScaleAnswer
from airflow_enel.history.interface import DecisionRow, DecisionStatus, UnknownRun
from airflow_enel.history.sql import mapping
from airflow_enel.history.sql.tables import DecisionRecord
from airflow_enel.history.wire import BriefStep

_LESSER_ANSWERS: Final = {
    DecisionStatus.UNANSWERED: ("intended",),
    DecisionStatus.REFUSED: ("intended", "unanswered"),
    DecisionStatus.ACCEPTED: ("intended", "unanswered", "refused"),
}


def decision_of(session: Session, run_id: str, epoch: int) -> DecisionRow:
    """Return a decision with its answer.

    :raises UnknownRun: if the run has none of this epoch
    """
    return mapping.decision_row(_existing(session, run_id, epoch))


def decisions_of(session: Session, run_id: str) -> tuple[DecisionRow, ...]:
    """Return the decisions of a run, by epoch."""
    query = select(DecisionRecord).where(DecisionRecord.run_id == run_id)
    records = session.scalars(query.order_by(DecisionRecord.epoch))
    return tuple(map(mapping.decision_row, records))


def intend(session: Session, run_id: str, body: BriefStep) -> bool:
    """Store a decision; False, with nothing changed, if the run has one of this epoch."""
    if session.get(DecisionRecord, (run_id, body.step.decision.epoch)) is not None:
        return False
    session.add(mapping.decision_record(run_id, body))
    return True


def complete(session: Session, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
    """Store the answer to a decision, unless a better one is stored.

    :raises UnknownRun: if the run has none of this epoch
    """
    status, message, executors = DecisionStatus.UNANSWERED, None, None
    if answer is not None:
        status = DecisionStatus.ACCEPTED if answer.accepted else DecisionStatus.REFUSED
        message, executors = answer.message, answer.executors
    _existing(session, run_id, epoch)
    session.execute(
        update(DecisionRecord)
        .where(DecisionRecord.run_id == run_id, DecisionRecord.epoch == epoch)
        .where(DecisionRecord.status.in_(_LESSER_ANSWERS[status]))
        .values(status=status.value, answer=message, executors_then=executors)
        .execution_options(synchronize_session=False)
    )


def _existing(session: Session, run_id: str, epoch: int) -> DecisionRecord:
    record = session.get(DecisionRecord, (run_id, epoch))
    if record is None:
        raise UnknownRun(f"run {run_id} has no decision {epoch}: record it with intend")
    return record
