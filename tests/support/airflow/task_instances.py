# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""Task instances in Airflow's metadata DB: their rows, and the state that their tries share."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from airflow_enel.history.http.capability import TaskIdentity, mint


def add_task_instance(task: TaskIdentity) -> None:
    """Make the row of a running task instance, and that of its DAG run if there is none."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    of_run = {"dag_id": task.dag_id, "run_id": task.run_id}
    both = {**of_run, "state": "running", "span_status": "not_started"}
    with create_session(scoped=False) as session:
        if session.query(DagRun).filter_by(**of_run).one_or_none() is None:
            now = datetime.now(timezone.utc)
            run = {"run_type": "manual", "run_after": now, "clear_number": 0}
            session.execute(DagRun.__table__.insert().values(**both, **run))
        session.execute(
            TaskInstance.__table__.insert().values(
                **both,
                id=uuid4(),
                task_id=task.task_id,
                map_index=task.map_index,
                try_number=task.try_number,
                pool="default_pool",
                pool_slots=1,
            )
        )


def token_of(task: TaskIdentity) -> str:
    """Mint a token as the process of a task does."""
    return mint(BackendStore(task), task.try_number)


def set_state(run_id: str, state: str | None, **of: Any) -> None:
    """Set the state of the task instances of a DAG run, or of those with some values."""
    _update(run_id, {"state": state}, **of)


def begin_try(run_id: str, number: int) -> None:
    """Let a later try of the only task instance of a DAG run replace the one before."""
    _update(run_id, {"try_number": number, "state": "running"})


def _update(run_id: str, values: dict[Any, Any], **of: Any) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        session.query(TaskInstance).filter_by(run_id=run_id, **of).update(values)


class BackendStore:
    """``task_state_store`` without its process: the execution API writes just so."""

    def __init__(self, task: TaskIdentity) -> None:
        from airflow.state import TaskScope, get_state_backend

        self._backend = get_state_backend()
        self._scope = TaskScope(task.dag_id, task.run_id, task.task_id, task.map_index)

    def get(self, key: str) -> Any:
        """The value of a key, None without one."""
        found = self._backend.get(self._scope, key)
        return None if found is None else json.loads(found)

    def set(self, key: str, value: Any) -> None:
        """Write the value of a key."""
        self._backend.set(self._scope, key, json.dumps(value))

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._backend.delete(self._scope, key)
