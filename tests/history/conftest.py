# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Every kind of history, each with a way to look at what it stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.airflow.server import ServerTransport
from tests.support.processes.postgres import NoPostgres, schema, server

if TYPE_CHECKING:
    from airflow_enel.domain import Run
    from airflow_enel.history.interface import History
    from airflow_enel.history.sql.repository import SqlHistory
    from airflow_enel.history.sql.switches import JobSwitches


@dataclass(frozen=True)
class Kept:
    """A history under test.

    :param reach: gives the history as the task of a run reaches it
    :param stored: reads what was stored, from the database
    :param switches: of recurring jobs, in the same database
    """

    reach: Callable[[Run], History]
    stored: SqlHistory
    switches: JobSwitches

    def opened(self, run: Run, token: str | None = "secret-token") -> History:  # noqa: S107
        history = self.reach(run)
        history.open_run(run, token)
        return history


@pytest.fixture(scope="session")
def sql(airflow_db: None) -> Kept:
    from airflow_enel.history.sql.repository import SqlHistory
    from airflow_enel.history.sql.switches import JobSwitches

    return Kept(lambda run: SqlHistory(), SqlHistory(), JobSwitches())


@pytest.fixture(scope="session")
def http(api: Any, running_task: Any) -> Kept:
    from airflow_enel.history.http.client import HttpHistory, Requests
    from airflow_enel.history.sql.repository import SqlHistory
    from airflow_enel.history.sql.switches import JobSwitches

    reached: dict[str, HttpHistory] = {}

    def reach(run: Run) -> History:
        key = run.key
        if key.id not in reached:
            task, token = running_task(key.dag_id, key.run_id, key.task_id, key.map_index)
            reached[key.id] = HttpHistory(
                Requests("http://server", token, task, transport=ServerTransport(api))
            )
        return reached[key.id]

    return Kept(reach, SqlHistory(), JobSwitches())


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server, started for these tests unless one is given."""
    started = server()
    try:
        url = started.__enter__()
    except NoPostgres as missing:
        pytest.skip(str(missing))
    yield url
    started.__exit__(None, None, None)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty schema."""
    with schema(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgres(postgres_server: str) -> Iterator[Kept]:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    from airflow_enel.history.sql.repository import SqlHistory
    from airflow_enel.history.sql.switches import JobSwitches
    from airflow_enel.history.sql.tables import Base

    # As Airflow's own sessions may be anywhere: moments must not depend on it.
    with schema(postgres_server, timezone="Asia/Kolkata") as url:
        engine = create_engine(url)
        Base.metadata.create_all(engine)
        sessions = sessionmaker(engine).begin
        history = SqlHistory(sessions)
        yield Kept(lambda run: history, history, JobSwitches(sessions))
        engine.dispose()


@pytest.fixture(scope="session", params=["sql", "http", "postgres"])
def kept(request: pytest.FixtureRequest) -> Kept:
    return request.getfixturevalue(request.param)
