# ruff: noqa: PLC0415 - Airflow reads its settings when it is imported: not before they are set
"""Airflow on databases of its own: each is used by one process, as Airflow knows one only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.airflow.settings import settings_of
from tests.support.airflow.task_instances import add_task_instance, token_of
from tests.support.processes.postgres import NoPostgres, schema, server
from tests.support.processes.waiting import until

if TYPE_CHECKING:
    from fastapi.testclient import TestClient


def databases() -> Iterator[tuple[str, dict[str, str]]]:
    """Give name and environment of an empty metadata DB on SQLite, then of one on PostgreSQL.

    Each lasts until the next is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="enel-bench-") as home:
        yield "SQLite", _environment(Path(home))
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


def _environment(home: Path, database: str | None = None) -> dict[str, str]:
    quiet = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": "",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }
    return settings_of(home, database, **quiet)


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


@contextmanager
def listening_server() -> Iterator[str]:
    """Serve the same on a port of its own, in a thread; give its URL."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(create_app(), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    if not thread.is_alive():
        raise RuntimeError("the API server did not start")
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def person(role: str | None = "viewer") -> dict[str, str]:
    """Headers of a logged-in person of a role, by default of one who may see every DAG."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="someone", role=role)
    return {"Authorization": f"Bearer {get_auth_manager().generate_jwt(user)}"}


def running_task(dag_id: str, run_id: str = "now", task_id: str = "spark") -> dict[str, str]:
    """Headers of a running task, with a token as its process would mint it."""
    from airflow_enel.history.http.capability import TASK_HEADER, TaskIdentity

    task = TaskIdentity(dag_id, run_id, task_id, -1, 1)
    add_task_instance(task)
    return {"Authorization": f"Bearer {token_of(task)}", TASK_HEADER: task.header()}


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
