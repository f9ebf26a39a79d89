"""Queries that write and read the finished components of a run with their stages."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from airflow_enel.domain import Component, Stage
from airflow_enel.history.interface import HistoryRefused
from airflow_enel.history.sql import mapping
from airflow_enel.history.sql.tables import ComponentRecord, StageRecord


def refuse_unfinished_or_twice(components: tuple[Component, ...]) -> None:
    """Refuse components that a run cannot have finished.

    :param components: by position
    :raises HistoryRefused: says which one, and why
    """
    for before, component in zip((None, *components), components, strict=False):
        if component.finished_at is None:
            raise HistoryRefused(f"component {component.position} has not finished: leave it out")
        if before is not None and before.position == component.position:
            raise HistoryRefused(f"there are two components {component.position}")
        attempts = [(s.stage_id, s.attempt) for s in component.stages]
        if len(set(attempts)) != len(attempts):
            raise HistoryRefused(f"component {component.position} has a stage attempt twice")


def save_components(session: Session, run_id: str, components: tuple[Component, ...]) -> None:
    """Write components with their stages; those that are known are brought up to date.

    :param components: by position, at least one
    """
    _save_components(session, run_id, components)
    session.flush()  # stages refer to components
    _save_stages(session, run_id, components)


def finished_components(session: Session, run_id: str) -> tuple[Component, ...]:
    """Return the finished components of a run with their stages."""
    rows = select(ComponentRecord).where(ComponentRecord.run_id == run_id)
    stage_rows = select(StageRecord).where(StageRecord.run_id == run_id)
    stages: dict[int, list[Stage]] = defaultdict(list)
    for row in session.scalars(stage_rows.order_by(StageRecord.stage_id, StageRecord.attempt)):
        stages[row.position].append(mapping.stage(row))
    return tuple(
        mapping.component(row, tuple(stages[row.position]))
        for row in session.scalars(rows.order_by(ComponentRecord.position))
    )


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
