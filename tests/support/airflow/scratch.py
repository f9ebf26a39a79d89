# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""An Airflow for one benchmark: a metadata DB, an API server that can be killed, task instances.

Whoever uses it does so in a fresh process, as Airflow is made up when it is imported.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from airflow_enel.domain import RunKey, Snapshot
from airflow_enel.history.http.capability import TaskIdentity
from tests.support.airflow import server
from tests.support.airflow.settings import settings_of
from tests.support.airflow.task_instances import BackendStore, add_task_instance

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
            server.create_tables()
            self._app = _api()

    def serve(self, port: int) -> None:
        """Serve the plugin, and the state stores of tasks, until killed."""
        import uvicorn

        uvicorn.run(self._app, host=HOST, port=port, log_level="warning")

    def add_task(self, key: RunKey) -> None:
        """Make the rows of a DAG run and of its only task instance, running its first try."""
        add_task_instance(TaskIdentity(key.dag_id, key.run_id, key.task_id, key.map_index, 1))


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
    from airflow_enel.history.interface import UnknownRun
    from airflow_enel.history.sql.repository import SqlHistory

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


def find_spark() -> None:
    """Let applications of this process find the Spark distribution, by default the checkout's."""
    # Not resolved: the archive of its classes is of use for the same class path only.
    home = Path(os.environ.get("SPARK_HOME", ".spark/pyspark")).absolute()
    os.environ["SPARK_HOME"] = str(home)
    os.environ["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = HOST


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
    return settings_of(
        path,
        # Without Spark's connection the operator runs its embedded local-cluster.
        AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS="False",
        AIRFLOW__ENEL__WORK_DIR=str(path / "work"),
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    )


def _api() -> Any:
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from airflow_enel.web.api import build_app

    app = FastAPI()
    app.mount("/enel", build_app())

    async def store(request: Any) -> JSONResponse:
        asked = await request.json()
        kept, key = BackendStore(TaskIdentity.from_header(asked["task"])), asked["key"]
        if asked["action"] == "set":
            kept.set(key, asked["value"])
        elif asked["action"] == "delete":
            kept.delete(key)
        return JSONResponse(kept.get(key) if asked["action"] == "get" else None)

    app.add_route(_STORE, store, methods=["POST"])
    return app
