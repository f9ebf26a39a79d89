"""Changes rows of Airflow's task instances, as its scheduler would."""

from __future__ import annotations

from typing import Any


def set_state(run_id: str, state: str | None, **of: Any) -> None:
    """Set the state of the task instances of a DAG run, or of those with some values."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - takes seconds
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above

    with create_session(scoped=False) as session:
        query = session.query(TaskInstance).filter_by(run_id=run_id, **of)
        query.update({"state": state})
