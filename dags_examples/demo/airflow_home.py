"""A real ``airflow standalone`` in a scratch folder, and the way back to nothing."""

from __future__ import annotations

import base64
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

_READY_WITHIN_S: Final = 180
_STOP_WITHIN_S: Final = 15


class DemoError(Exception):
    """The demo cannot go on; the message says what to look at."""


class AirflowHome:
    """Starts and stops ``airflow standalone`` with SQLite.

    :param path: a folder that is emptied first
    :param dags: the folder of DAGs
    """

    def __init__(self, path: Path, dags: Path) -> None:
        self.path = path
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.database = f"sqlite:///{path}/airflow.db"
        self._dags = dags
        self._process: subprocess.Popen[bytes] | None = None
        self._client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    @property
    def log(self) -> Path:
        """What Airflow itself prints."""
        return self.path / "standalone.log"

    @property
    def work_dir(self) -> Path:
        """Where the drivers of Spark have their files."""
        return self.path / "work"

    @property
    def pid(self) -> int:
        """Process id of Airflow.

        :raises DemoError: if it was not started
        """
        if self._process is None:
            raise DemoError("Airflow was not started")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers.

        :raises DemoError: if it does not
        """
        shutil.rmtree(self.path, ignore_errors=True)
        self.work_dir.mkdir(parents=True, mode=0o700)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["airflow", "standalone"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"Airflow did not start; see {self.log}")
            time.sleep(0.5)

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Ask Airflow's REST API as the administrator.

        :raises DemoError: if it does not answer
        """
        try:
            if "Authorization" not in self._client.headers:
                token = self._client.get("/auth/token").json()["access_token"]
                self._client.headers["Authorization"] = f"Bearer {token}"
            return self._client.request(method, f"/api/v2{path}", **arguments)
        except httpx.HTTPError as error:
            raise DemoError(f"Airflow does not answer ({error!r}); see {self.log}") from error

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause a DAG or let it run, as soon as Airflow knows it.

        :raises DemoError: if that does not come to pass
        """
        deadline = time.monotonic() + _READY_WITHIN_S
        while True:
            answer = self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})
            if answer.status_code == httpx.codes.OK:
                return
            if time.monotonic() > deadline:
                raise DemoError(f"Airflow does not know the DAG {dag_id}; see {self.log}")
            time.sleep(0.5)

    def set_variable(self, key: str, value: str) -> None:
        """Set a new variable of Airflow.

        :raises DemoError: if Airflow does not take it
        """
        answer = self.call("POST", "/variables", json={"key": key, "value": value})
        if answer.status_code != httpx.codes.CREATED:
            raise DemoError(f"Airflow does not take the variable {key}; see {self.log}")

    def stop(self) -> None:
        """Stop Airflow, all that it has started, and every driver of Spark.

        SIGINT, because SIGTERM would leave its children behind. Whoever is left after that
        descends from Airflow, or is known by the home in its environment: drivers are in sessions
        of their own, and a process that gives itself a title overwrites its environment.
        """
        self._client.close()
        if self._process is None:
            return
        family: list[psutil.Process] = []
        if self._process.poll() is None:
            family = psutil.Process(self._process.pid).children(recursive=True)
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_WITHIN_S)
        for number in (signal.SIGTERM, signal.SIGKILL):
            ours = [process for process in family if process.is_running()] + self._processes()
            for process in ours:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            psutil.wait_procs(ours, timeout=_STOP_WITHIN_S / 3)

    def _answers(self) -> bool:
        try:
            return self._client.get("/api/v2/monitor/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _processes(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["environ"])
            if (process.info["environ"] or {}).get("AIRFLOW_HOME") == str(self.path)
        ]

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            **os.environ,
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__FERNET_KEY": _fernet_key(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            # Without Airflow's sample connections there is no Spark connection, so that the
            # operator runs its embedded local-cluster.
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__ENEL__WORK_DIR": str(self.work_dir),
            "DEMO_JVM": _jvm_options(),
            "SPARK_SUBMIT_OPTS": _jvm_options(),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _jvm_options() -> str:
    """Options of the JVMs of Spark; the archive of classes that ``make`` makes halves their start.

    Those with another class path pass over the archive, and would warn of it on their output.
    """
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    archive = Path(os.environ.get("SPARK_HOME", "")).parent / "classes.jsa"
    if archive.exists():
        options += [f"-XX:SharedArchiveFile={archive}", "-Xlog:disable", "-Xlog:all=error:stderr"]
    return shlex.join(options)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
