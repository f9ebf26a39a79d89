# ruff: noqa: PLC0415 - Airflow reads its settings when it is imported: not before they are set
"""Airflow on databases of its own: each is used by one process, as Airflow knows one only."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from tests.support.processes.postgres import NoPostgres, schema, server

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


def databases() -> Iterator[tuple[str, dict[str, str]]]:
    """Give name and environment of an empty metadata DB on SQLite, then of one on PostgreSQL.

    Each lasts until the next is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="enel-bench-") as home:
        yield "SQLite", _environment(Path(home), f"sqlite:///{home}/airflow.db")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="enel-bench-") as home,
            server() as url,
            schema(url) as own,
        ):
            yield "PostgreSQL", _environment(Path(home), own)
    except NoPostgres as missing:
        sys.stderr.write(f"without PostgreSQL: {missing}\n")


def run_in(environment: dict[str, str], module: str, *arguments: str) -> Any:
    """Run a module in a process of its own; return the JSON of its last line of output."""
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def _environment(home: Path, url: str) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": "",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


# In the process of its own


def create_tables() -> None:
    """Make Airflow's tables and ours, as ``airflow db migrate`` does."""
    from airflow.utils import db

    db.initdb()


@contextmanager
def api_server() -> Iterator[TestClient]:
    """Give a client of the real API server with the plugin, without a network."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(create_app(), raise_server_exceptions=False) as client:
        yield client


def person() -> dict[str, str]:
    """Headers of somebody who may see every DAG."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="viewer", role="viewer")
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user)}"}


def running_task(dag_id: str, run_id: str = "now", task_id: str = "spark") -> dict[str, str]:
    """Headers of a running task, with a token as its process would mint it."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.state import TaskScope, get_state_backend
    from airflow.utils.session import create_session

    from airflow_enel.history.capability import TASK_HEADER, TaskIdentity, key_of

    token = uuid4().hex
    scope = TaskScope(dag_id, run_id, task_id, -1)
    with create_session(scoped=False) as session:
        named = {"dag_id": dag_id, "run_id": run_id, "state": "running"}
        named |= {"span_status": "not_started"}
        run = {"run_type": "manual", "run_after": datetime.now(timezone.utc), "clear_number": 0}
        session.execute(DagRun.__table__.insert().values(**named, **run))
        task = {"task_id": task_id, "map_index": -1, "try_number": 1, "id": uuid4()}
        task |= {"pool": "default_pool", "pool_slots": 1}
        session.execute(TaskInstance.__table__.insert().values(**named, **task))
    get_state_backend().set(scope, key_of(token), "1")
    identity = TaskIdentity(dag_id, run_id, task_id, -1, 1)
    return {"Authorization": f"Bearer {token}", TASK_HEADER: identity.header()}


class ServerTransport(httpx.BaseTransport):
    """Carries requests of httpx to a test client instead of the network."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._client.request(
            request.method,
            request.url.raw_path.decode(),
            headers=dict(request.headers),
            content=request.read(),
            follow_redirects=False,
        )
        return httpx.Response(answer.status_code, content=answer.content)


def command_line(*arguments: str) -> None:
    """Do what ``airflow …`` does, in this process."""
    from airflow.cli.cli_parser import get_parser

    options = get_parser().parse_args(arguments)
    options.func(options)
