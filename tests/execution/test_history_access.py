"""The way from a task to the history."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.execution import history_access as module
from airflow_enel.execution.history_access import HistoryAccess, connected_history, history_access
from airflow_enel.execution.result_reporter import ReporterCredentials
from airflow_enel.history.http.client import HttpHistory
from airflow_enel.history.sql.repository import SqlHistory
from tests.support.fakes.tasks import StateStore

LOG = cast("Any", logging.getLogger("history_access"))


def context(store: StateStore | None) -> Any:
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=None, try_number=1)
    return cast("Any", {"ti": ti, "task_state_store": store})


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task process, where Airflow bars the database."""
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("AIRFLOW__ENEL__API_URL", "http://127.0.0.1:9")


def test_a_process_that_has_the_database_uses_it_and_has_no_airflow_to_ask() -> None:
    with history_access(context(None), LOG) as access:
        assert isinstance(access.history, SqlHistory)
        assert access.ask is None
        assert access.reporter_credentials() is None


@pytest.mark.usefixtures("worker")
def test_a_task_uses_the_api_with_a_capability_that_ends_with_it() -> None:
    store = StateStore()
    with history_access(context(store), LOG) as access:
        assert isinstance(access.history, HttpHistory)
        during = dict(store)
    assert during
    assert during != dict(store)


@pytest.mark.usefixtures("worker")
def test_nobody_answers_without_an_api_server() -> None:
    with history_access(context(StateStore()), LOG) as access:
        assert access.ask is not None
        assert access.ask() is None


@pytest.mark.usefixtures("worker")
def test_a_task_without_a_state_store_goes_without_history_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with history_access(context(None), LOG) as access:
        assert access.history is None
        assert access.ask is not None
        assert access.ask() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.usefixtures("worker")
def test_a_task_that_finds_no_way_to_the_history_goes_without_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> str:
        raise RuntimeError("no address of the API server is known")

    monkeypatch.setattr(module, "api_url", fails)
    with connected_history(context(StateStore()), LOG) as history:
        assert history is None
    assert "no address of the API server is known" in caplog.text


def test_credentials_that_were_given_away_can_be_revoked() -> None:
    revoked: list[str] = []
    given = ReporterCredentials("http://api", "capability", "task")
    access = HistoryAccess(None, lease=lambda: given, revoke=revoked.append)
    access.revoke_reporter_credentials()
    assert revoked == []
    assert access.reporter_credentials() is given
    access.revoke_reporter_credentials()
    assert revoked == ["capability"]
