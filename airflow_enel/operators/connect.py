"""The way from a task to the history."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from airflow_enel.history.base import History
from airflow_enel.history.capability import TaskIdentity, mint, revoke
from airflow_enel.history.client import HttpHistory
from airflow_enel.history.location import api_url

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger


@contextmanager
def connected_history(context: Context, log: Logger) -> Iterator[History | None]:
    """The history as this process can reach it: None, with a warning, if it cannot.

    Tasks have no database and ask the API server with a capability of their own, which is worth
    nothing once they have left; ``dag.test()`` has the database itself.
    """
    if not _database_is_barred():
        from airflow_enel.history.repository import SqlHistory  # noqa: PLC0415 - needs a database
        from airflow_enel.history.sessions import airflow_session  # noqa: PLC0415

        yield SqlHistory(airflow_session)
        return
    store = context.get("task_state_store")
    if store is None:
        log.warning("This task has no state store, so it goes without history")
        yield None
        return
    ti = context["ti"]
    try:
        token = mint(store, ti.try_number)
        task = TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, _map_index(ti), ti.try_number)
        history = HttpHistory(api_url(), token, task)
    except Exception as error:  # whatever it is, the Spark job must run
        log.warning("No way to the history, so the task goes without: %s", error)
        yield None
        return
    try:
        yield history
    finally:
        history.close()
        with suppress(Exception):  # the token is of no use to anybody who has not got it
            revoke(store, token)


def _map_index(ti: object) -> int:
    index = getattr(ti, "map_index", None)
    return -1 if index is None else int(index)


def _database_is_barred() -> bool:
    """True in task processes, where Airflow puts this in place of the database's address."""
    url = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "")
    return url.startswith("airflow-db-not-allowed")
