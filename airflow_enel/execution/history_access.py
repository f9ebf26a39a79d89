"""The way from a task to the history, and to Airflow's view of the task."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import TaskStanding
from airflow_enel.execution.result_reporter import ReporterCredentials
from airflow_enel.history.http.api_url import api_url
from airflow_enel.history.http.capability import TaskIdentity, mint, revoke
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import History, HistoryError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger


_ASK_S: Final = 2.0  # of the five seconds between SIGTERM and SIGKILL


class HistoryAccess:
    """The way from a task to the history, and to Airflow's view of the task.

    :param history: None if there is none, so that the run goes without
    :param ask: asks Airflow how it sees this task, within two seconds and with a connection of
        its own, so that a signal handler may call it; it returns None if nobody answers. It is
        None itself where no Airflow looks after the task, as in ``dag.test()``.
    """

    def __init__(
        self,
        history: History | None,
        ask: Callable[[], TaskStanding | None] | None = None,
        lease: Callable[[], ReporterCredentials] | None = None,
        revoke: Callable[[str], None] | None = None,
    ) -> None:
        self.history = history
        self.ask = ask
        self._lease = lease
        self._revoke = revoke
        self._leased: ReporterCredentials | None = None

    def reporter_credentials(self) -> ReporterCredentials | None:
        """Return a way to the history that outlives this task, if there is any."""
        if self._lease is not None:
            with suppress(Exception):  # without it a later try reports the result
                self._leased = self._lease()
        return self._leased

    def revoke_reporter_credentials(self) -> None:
        """Make that way worthless again."""
        if self._leased is not None and self._revoke is not None:
            with suppress(Exception):  # the token is of no use to anybody who has not got it
                self._revoke(self._leased.token)


@contextmanager
def history_access(context: Context, log: Logger) -> Iterator[HistoryAccess]:
    """The history as this process can reach it: with a warning, none, if it cannot.

    Tasks have no database and ask the API server with a capability of their own, which is worth
    nothing once they have left; ``dag.test()`` has the database itself.
    """
    if not _database_is_barred():
        from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - needs a database
        from airflow_enel.history.sql.sessions import airflow_session  # noqa: PLC0415

        yield HistoryAccess(SqlHistory(airflow_session))
        return
    store = context.get("task_state_store")
    if store is None:
        log.warning("This task has no state store, so it goes without history")
        yield HistoryAccess(None, ask=_nobody_answers)
        return
    ti = context["ti"]
    task = TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, _map_index(ti), ti.try_number)
    try:
        url, token = api_url(), mint(store, ti.try_number)
        history = HttpHistory(Requests(url, token, task))
    except Exception as error:  # whatever it is, the Spark job must run
        log.warning("No way to the history, so the task goes without: %s", error)
        yield HistoryAccess(None, ask=_nobody_answers)
        return
    try:
        yield HistoryAccess(
            history,
            ask=lambda: _standing(url, token, task),
            lease=lambda: ReporterCredentials(url, mint(store, ti.try_number), task.header()),
            revoke=lambda leased: revoke(store, leased),
        )
    finally:
        history.close()
        with suppress(Exception):  # as above
            revoke(store, token)


@contextmanager
def connected_history(context: Context, log: Logger) -> Iterator[History | None]:
    """Only the history of a `history_access`."""
    with history_access(context, log) as access:
        yield access.history


def _standing(url: str, token: str, task: TaskIdentity) -> TaskStanding | None:
    try:
        requests = Requests(url, token, task, total_s=_ASK_S, timeout_s=_ASK_S)
        with HttpHistory(requests) as history:
            return history.standing()
    except HistoryError:
        return None


def _nobody_answers() -> None:
    return None


def _map_index(ti: object) -> int:
    index = getattr(ti, "map_index", None)
    return -1 if index is None else int(index)


def _database_is_barred() -> bool:
    """True in task processes, where Airflow puts this in place of the database's address."""
    url = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "")
    return url.startswith("airflow-db-not-allowed")
