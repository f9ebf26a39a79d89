"""Real Spark applications with the agent in their drivers, and the plainest way to ask it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from airflow_enel.spark.agent import LISTENER_CLASS
from tests.support.processes.spark import QUICK_JVM, SPARK_HOME
from tests.support.processes.waiting import until

TOKEN = "a token for tests"

# Light JVMs, an exact initial size, and decommissioning that does not linger.
CLUSTER = {
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.cores.max": "8",
    "spark.executor.extraJavaOptions": shlex.join(QUICK_JVM),
    "spark.decommission.enabled": "true",
    "spark.storage.decommission.enabled": "true",
    "spark.storage.decommission.replicationReattemptInterval": "1s",
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.initialExecutors": "2",
    "spark.dynamicAllocation.minExecutors": "2",
    "spark.dynamicAllocation.maxExecutors": "8",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    **{
        f"spark.dynamicAllocation.{name}": "100000000s"
        for name in (
            "executorIdleTimeout",
            "cachedExecutorIdleTimeout",
            "schedulerBacklogTimeout",
            "sustainedSchedulerBacklogTimeout",
            "shuffleTracking.timeout",
        )
    },
}


@dataclass
class Agent:
    """Speaks to an agent, as plainly as possible."""

    port: int
    client: httpx.Client

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """All events held, or those of some kinds."""
        after, events = 0, []
        while True:
            page = self.get(f"/v1/events?after={after}")
            events += page["events"]
            if not page["more"]:
                break
            after = page["events"][-1]["seq"]
        found = [entry["event"] for entry in events]
        return [e for e in found if e["Event"] in kinds] if kinds else found

    def scale(self, executors: int, *, epoch: int, try_number: int = 1) -> httpx.Response:
        body = {"executors": executors, "try_number": try_number, "epoch": epoch}
        return self.client.post("/v1/scale", json=body)

    def registered(self) -> set[str]:
        """Executors that were added and neither left nor began to."""
        gone = self.events("SparkListenerExecutorRemoved", "EnelExecutorDraining")
        added = self.events("SparkListenerExecutorAdded")
        return {e["Executor ID"] for e in added} - {e["Executor ID"] for e in gone}


@dataclass
class App:
    """An application that was submitted; its script stops once told by a file."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def port_file(self) -> Path:
        return self.folder / "port.json"

    @property
    def final_file(self) -> Path:
        return self.folder / "final.json"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def report(self) -> list[dict[str, Any]]:
        lines = (self.folder / "report").read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def agent(self, token: str = TOKEN) -> Agent:
        def address() -> Any:
            assert self.process.poll() is None, self.log
            return self.port_file.exists() and json.loads(self.port_file.read_text())

        port = until(address)["port"]
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=20,
        )
        return Agent(port, client)

    def wait_until_working(self) -> None:
        report = self.folder / "report"
        until(lambda: self.process.poll() is not None or (report.exists() and self.report()), 60)
        assert self.process.poll() is None, self.log

    def finish(self) -> int:
        """Let it come to its end; its exit code."""
        (self.folder / "stop").touch()
        return self.process.wait(60)

    def executor_process(self, executor_id: str) -> psutil.Process:
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = child.cmdline()
            except psutil.Error:  # one that left a moment ago
                continue
            if "--executor-id" in line and line[line.index("--executor-id") + 1] == executor_id:
                return child
        raise LookupError(executor_id)


Launch = Callable[..., App]


def submit(
    folder: Path, jar: Path, master: str, conf: dict[str, str], script: Path, *arguments: object
) -> App:
    """Submit a script with the agent; it is told two files, one to stop by and one to report to.

    :param folder: an empty one, for all files of the application
    """
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "512m",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.extraListeners": LISTENER_CLASS,
        "spark.enel.agent.portFile": str(folder / "port.json"),
        "spark.enel.agent.finalFile": str(folder / "final.json"),
        "spark.enel.agent.tokenSha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
        **conf,
    }
    command = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", master, "--jars", str(jar)]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    command += [str(script), str(folder / "stop"), str(folder / "report"), *map(str, arguments)]
    spark = {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **spark, "PYSPARK_PYTHON": sys.executable},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return App(process, folder)


def kill_all(apps: Iterable[App]) -> None:
    """Kill the applications that still run, with all their processes."""
    for app in apps:
        if app.process.poll() is None:
            os.killpg(app.process.pid, signal.SIGKILL)
            app.process.wait()
