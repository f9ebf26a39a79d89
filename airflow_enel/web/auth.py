"""Authentication of tasks by their tokens, and authorization of what they ask for.

Without credentials the answer is 401, with wrong ones 403; it does not say which part was wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

from airflow.configuration import conf
from airflow.models.taskinstance import TaskInstance
from airflow.state import TaskScope, get_state_backend
from fastapi import Depends, HTTPException, Request, status
from sqlalchemy import select

from airflow_enel.domain import RunKey, TaskStanding
from airflow_enel.history.http.capability import TASK_HEADER, TaskIdentity, key_of
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.history.sql.sessions import Sessions, airflow_session

_BEARER = "bearer "
_LONGEST_TOKEN = 200
_SESSIONS = Sessions(airflow_session)


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified try of a task instance, and how Airflow sees that instance.

    A try that a later one has replaced may look, but not write: see ``may_write_run``.
    """

    task: TaskIdentity
    standing: TaskStanding

    @property
    def trains(self) -> bool:
        """True if the task is one of ``[enel] trainers``."""
        trainers = conf.get("enel", "trainers", fallback="").split(",")
        return f"{self.task.dag_id}:{self.task.task_id}" in {t.strip() for t in trainers}

    def may_read_history_of(self, dag_id: str) -> None:
        """Scope ``job``: the recurring jobs of its own DAG; trainers read all."""
        if dag_id != self.task.dag_id and not self.trains:
            raise _forbidden("a task reads the history of its own DAG only, see [enel] trainers")

    def may_read_all_history(self) -> None:
        """Scope ``train``: the recurring jobs of all DAGs."""
        if not self.trains:
            raise _forbidden("only the tasks in [enel] trainers read the history of all DAGs")

    def may_publish(self) -> None:
        """Scope ``train``, by the current try: models that all recurring jobs use."""
        self.may_read_all_history()
        if not self.standing.current:
            raise _forbidden("a later try of this task has taken over")

    def may_read_run(self, dag_id: str, run_id: str) -> None:
        """Scope ``run``: the Spark applications of its own DAG run."""
        if (dag_id, run_id) != (self.task.dag_id, self.task.run_id):
            raise _forbidden("the run belongs to another DAG run")

    def may_write_run(self, dag_id: str, run_id: str) -> None:
        """Scope ``run``, by the current try."""
        self.may_read_run(dag_id, run_id)
        if not self.standing.current:
            raise _forbidden("a later try of this task has taken over")

    def may_report(self, key: RunKey) -> None:
        """Scope ``run``, by the current try, or by a replaced one that submitted the run."""
        task = self.task
        if (key.task_id, key.map_index, key.submit_try) != (
            task.task_id,
            task.map_index,
            task.try_number,
        ):
            self.may_write_run(key.dag_id, key.run_id)
        self.may_read_run(key.dag_id, key.run_id)

    def may_open(self, key: RunKey) -> None:
        """Only the task that submits an application opens its run."""
        self.may_write_run(key.dag_id, key.run_id)
        if (key.task_id, key.map_index) != (self.task.task_id, self.task.map_index):
            raise _forbidden("the run belongs to another task")
        if key.submit_try > self.task.try_number:
            raise _forbidden("the run belongs to a try that has not begun")


def verified_caller(request: Request) -> Caller:
    """Verify that the bearer is the task instance it says it is."""
    token, task = _credentials(request)
    scope = TaskScope(task.dag_id, task.run_id, task.task_id, task.map_index)
    with _SESSIONS.read() as session:
        stored = get_state_backend().get(scope, key_of(token), session=session)
        row = session.execute(
            select(TaskInstance.try_number, TaskInstance.max_tries, TaskInstance.state).where(
                TaskInstance.dag_id == task.dag_id,
                TaskInstance.run_id == task.run_id,
                TaskInstance.task_id == task.task_id,
                TaskInstance.map_index == task.map_index,
            )
        ).one_or_none()
    if stored is None or row is None:
        raise _forbidden("the token does not belong to this task instance")
    current_try, most_tries, state = row
    if task.try_number > current_try or _minted_by_another_try(stored, task.try_number):
        raise _forbidden("the token does not belong to this try")
    standing = TaskStanding(
        state=None if state is None else str(state),
        current=task.try_number == current_try,
        retry_remains=task.try_number <= most_tries,
    )
    return Caller(task, standing)


def caller_of_run(run_id: str, caller: CallerDep) -> Caller:
    """Verify that the caller may read a run."""
    key = SqlHistory().owner_of(run_id)
    caller.may_read_run(key.dag_id, key.run_id)
    return caller


def writer_of_run(run_id: str, caller: CallerDep) -> Caller:
    """Verify that the caller may write a run."""
    key = SqlHistory().owner_of(run_id)
    caller.may_write_run(key.dag_id, key.run_id)
    return caller


def reporter_of_run(run_id: str, caller: CallerDep) -> Caller:
    """Verify that the caller may say how a run ended."""
    caller.may_report(SqlHistory().owner_of(run_id))
    return caller


def publisher(caller: CallerDep) -> Caller:
    """Verify that the caller may publish models."""
    caller.may_publish()
    return caller


CallerDep = Annotated[Caller, Depends(verified_caller)]


def _credentials(request: Request) -> tuple[str, TaskIdentity]:
    authorization = request.headers.get("Authorization", "")
    named = request.headers.get(TASK_HEADER)
    token = authorization[len(_BEARER) :].strip()
    if not authorization.lower().startswith(_BEARER) or not token or named is None:
        raise _unauthorized(f"needs Authorization: Bearer … and {TASK_HEADER}")
    if len(token) > _LONGEST_TOKEN:
        raise _forbidden("the token does not belong to this task instance")
    try:
        return token, TaskIdentity.from_header(named)
    except ValueError as error:
        raise _unauthorized(str(error)) from None


def _minted_by_another_try(stored: str, try_number: int) -> bool:
    try:
        minted_by = json.loads(stored)
    except ValueError:
        return False
    # With a state backend of the workers' own the value is a reference that only they can
    # follow. The hash in the key has proved the task instance; the try is believed without proof.
    return isinstance(minted_by, int) and minted_by != try_number


def _unauthorized(detail: str) -> HTTPException:
    return HTTPException(
        status.HTTP_401_UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"}
    )


def _forbidden(detail: str) -> HTTPException:
    return HTTPException(status.HTTP_403_FORBIDDEN, detail)
