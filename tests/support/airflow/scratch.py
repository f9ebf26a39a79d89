# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""An Airflow for one benchmark: a metadata DB, an API server that can be killed, task instances.

Whoever uses it does so in a fresh process, as Airflow is made up when it is imported.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil

from airflow_enel.domain import RunKey, Snapshot
from airflow_enel.history.capability import TaskIdentity

HOST = "127.0.0.1"
_STORE = "/store"


class ScratchAirflow:
    """A metadata DB on SQLite in a folder, and what the API server of Airflow does with it.

    :param path: an empty folder
    :raises RuntimeError: if this process has another Airflow already
    """

    def __init__(self, path: Path) -> None:
        if "airflow.settings" in sys.modules:
            raise RuntimeError("run this benchmark by itself: it needs an Airflow of its own")
        self.path = path
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # both leave nothing behind
        os.environ.update(_settings(path))
        with redirect_stdout(sys.stderr):  # there it logs; stdout is for figures
            from airflow.utils import db

            db.initdb()
            self._app = _api()

    def serve(self, port: int) -> None:
        """Serve the plugin, and the state stores of tasks, until killed."""
        import uvicorn

        uvicorn.run(self._app, host=HOST, port=port, log_level="warning")

    def add_task(self, key: RunKey) -> None:
        """Make the rows of a DAG run and of its only task instance, running its first try."""
        from airflow.models.dagrun import DagRun
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        dag_run = {
            "dag_id": key.dag_id,
            "run_id": key.run_id,
            "run_type": "manual",
            "state": "running",
            "run_after": datetime.now(timezone.utc),
            "span_status": "not_started",
            "clear_number": 0,
        }
        task = {
            "id": uuid4(),
            "dag_id": key.dag_id,
            "run_id": key.run_id,
            "state": "running",
            "task_id": key.task_id,
            "map_index": key.map_index,
            "try_number": 1,
            "pool": "default_pool",
            "pool_slots": 1,
            "span_status": "not_started",
        }
        with create_session(scoped=False) as session:
            session.execute(DagRun.__table__.insert().values(**dag_run))
            session.execute(TaskInstance.__table__.insert().values(**task))

    def begin_try(self, key: RunKey, number: int) -> None:
        """Let a later try of the task instance replace the one before."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session(scoped=False) as session:
            session.execute(
                update(TaskInstance)
                .where(TaskInstance.dag_id == key.dag_id, TaskInstance.run_id == key.run_id)
                .values(try_number=number, state="running")
            )


class TaskStore:
    """``context["task_state_store"]`` of a task without a supervisor."""

    def __init__(self, port: int, task: TaskIdentity) -> None:
        self._url = f"http://{HOST}:{port}{_STORE}"
        self._task = task.header()

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key."""
        found = self._call("get", key)
        return default if found is None else found

    def set(self, key: str, value: Any, **_: Any) -> None:
        """Write the value of a key."""
        self._call("set", key, value)

    def delete(self, key: str) -> None:
        """Delete a key."""
        self._call("delete", key)

    def _call(self, action: str, key: str, value: Any = None) -> Any:
        body = {"task": self._task, "action": action, "key": key, "value": value}
        answer = httpx.post(self._url, json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True, slots=True)
class Gaps:
    """What the history lacks of an application, or has too much.

    A decision is lost if its request was accepted and the history does not know that. It is
    doubled if one epoch had two of them, or if the history has one that the application has not.
    """

    components_lost: int
    decisions_lost: int
    doubled: int
    decisions: int


def gaps_of(run_id: str, truth: Snapshot) -> Gaps:
    """Compare the history with the final state of an application."""
    from airflow_enel.history.base import UnknownRun
    from airflow_enel.history.repository import SqlHistory

    history, accepted = SqlHistory(), [request.epoch for request in truth.requests]
    try:
        components = {c.position: c for c in history.components(run_id)}
        rows = history.decisions(run_id)
    except UnknownRun:
        return Gaps(len(truth.finished_components), len(set(accepted)), 0, len(accepted))
    known = {row.step.decision.epoch for row in rows if row.answer and row.answer.accepted} - {0}
    return Gaps(
        sum(components.get(c.position) != c for c in truth.finished_components),
        len(set(accepted) - known),
        len(accepted) - len(set(accepted)) + len(known - set(accepted)),
        len(accepted),
    )


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """True if somebody listens at a port of this machine."""
    try:
        socket.create_connection((HOST, port), 1.0).close()
    except OSError:
        return False
    return True


def end_all_of(folder: Path) -> None:
    """Kill every process that has a folder in its arguments or its environment."""
    for process in psutil.process_iter(["cmdline", "environ"]):
        home = (process.info["environ"] or {}).get("AIRFLOW_HOME")
        named = any(str(folder) in part for part in process.info["cmdline"] or ())
        if process.pid != os.getpid() and (named or home == str(folder)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _settings(path: Path) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(path),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__DAGS_FOLDER": str(path / "dags"),
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Without Spark's connection the operator runs its embedded local-cluster.
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{path}/airflow.db",
        "AIRFLOW__ENEL__WORK_DIR": str(path / "work"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
    }


def _api() -> Any:
    from airflow.state import TaskScope, get_state_backend
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from airflow_enel.web.api import build_app

    app = FastAPI()
    app.mount("/enel", build_app())

    async def store(request: Any) -> JSONResponse:
        asked, found = await request.json(), None
        task = TaskIdentity.from_header(asked["task"])
        scope = TaskScope(task.dag_id, task.run_id, task.task_id, task.map_index)
        backend, key = get_state_backend(), asked["key"]
        if asked["action"] == "set":
            backend.set(scope, key, json.dumps(asked["value"]))
        elif asked["action"] == "delete":
            backend.delete(scope, key)
        else:
            found = backend.get(scope, key)
        return JSONResponse(None if found is None else json.loads(found))

    app.add_route(_STORE, store, methods=["POST"])
    return app
