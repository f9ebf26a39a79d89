# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Gives every test an Airflow of its own; it costs nothing until a test imports Airflow.

Airflow reads its settings when it is imported, so they are set here, before any test module is.
"""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from airflow_enel.history.capability import TaskIdentity

settings.register_profile("enel", deadline=None)  # a busy machine is no failure
settings.register_profile("fast", settings.get_profile("enel"), max_examples=25)
settings.load_profile("enel")

# JVMs live for seconds here: to compile their code better takes longer than that gains.
_QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_HOME = Path(tempfile.mkdtemp(prefix="airflow-enel-tests-"))

os.environ.update(
    {
        "AIRFLOW_HOME": str(_HOME),
        "AIRFLOW__API_AUTH__JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
        "AIRFLOW__CORE__DAGS_FOLDER": str(_HOME / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "vera:viewer,adam:admin",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "SPARK_DAEMON_JAVA_OPTS": _QUICK_JVM,
        "SPARK_LAUNCHER_OPTS": _QUICK_JVM,
        "SPARK_SUBMIT_OPTS": _QUICK_JVM,
    }
)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's metadata DB with our tables, made as ``airflow db migrate`` makes them."""
    from airflow.utils import db

    db.initdb()


@pytest.fixture(scope="session")
def api(airflow_db: None) -> Iterator[TestClient]:
    """The real API server with the plugin, without a network."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    with TestClient(create_app(), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def api_url(airflow_db: None) -> Iterator[str]:
    """The real API server with the plugin, on a port of its own."""
    import uvicorn
    from airflow.api_fastapi.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(create_app(), host="127.0.0.1", port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the API server did not start"
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="session")
def running_task(airflow_db: None) -> Callable[..., tuple[TaskIdentity, str]]:
    """Makes rows of a running task instance, and a token as its process would mint it."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    from airflow_enel.history.capability import TaskIdentity, mint

    numbers = itertools.count()

    def make(
        dag_id: str = "dag",
        run_id: str | None = None,
        task_id: str = "task",
        map_index: int = -1,
        *,
        try_number: int = 1,
        minted_by: int | None = None,
    ) -> tuple[TaskIdentity, str]:
        run_id = run_id or f"run-{next(numbers)}"
        now = datetime.now(timezone.utc)
        with create_session(scoped=False) as session:
            known = session.query(DagRun).filter_by(dag_id=dag_id, run_id=run_id).one_or_none()
            if known is None:
                values = {"dag_id": dag_id, "run_id": run_id, "run_type": "manual"}
                values |= {"state": "running", "run_after": now, "span_status": "not_started"}
                session.execute(DagRun.__table__.insert().values(clear_number=0, **values))
            session.execute(
                TaskInstance.__table__.insert().values(
                    id=uuid4(),
                    dag_id=dag_id,
                    run_id=run_id,
                    task_id=task_id,
                    map_index=map_index,
                    try_number=try_number,
                    state="running",
                    pool="default_pool",
                    pool_slots=1,
                    span_status="not_started",
                )
            )
        claimed = try_number if minted_by is None else minted_by
        identity = TaskIdentity(dag_id, run_id, task_id, map_index, claimed)
        return identity, mint(_Store(identity), claimed)

    return make


class _Store:
    """``task_state_store`` without its process: the execution API writes just so."""

    def __init__(self, task: TaskIdentity) -> None:
        from airflow.state import TaskScope, get_state_backend

        self._backend = get_state_backend()
        self._scope = TaskScope(task.dag_id, task.run_id, task.task_id, task.map_index)

    def set(self, key: str, value: Any) -> None:
        import json

        self._backend.set(self._scope, key, json.dumps(value))

    def delete(self, key: str) -> None:
        self._backend.delete(self._scope, key)
