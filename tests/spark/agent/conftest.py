"""Real Spark applications with the agent in their drivers."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from airflow_enel.spark.agent import LISTENER_CLASS
from airflow_enel.spark.agent.build import build_agent

ROOT = Path(__file__).parents[3]
SPARK_HOME = Path(os.environ.get("ENEL_TEST_SPARK_HOME", ROOT / ".spark" / "pyspark"))
APPS = Path(__file__).parent / "apps"
TOKEN = "a token for tests"
T = TypeVar("T")

# Light JVMs, an exact initial size, and decommissioning that does not linger.
CLUSTER = {
    "spark.executor.memory": "512m",
    "spark.executor.cores": "1",
    "spark.cores.max": "8",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
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


def wait_for(probe: Callable[[], T], within_s: float = 30.0) -> T:
    """The first true answer of a probe; fails with the last answer when time is up."""
    deadline = time.monotonic() + within_s
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within_s} s"
        time.sleep(0.1)
    return answer


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

        port = wait_for(address)["port"]
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=20,
        )
        return Agent(port, client)

    def wait_until_working(self) -> None:
        report = self.folder / "report"
        wait_for(lambda: self.process.poll() is not None or (report.exists() and self.report()), 60)
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


@pytest.fixture(scope="session")
def spark_home() -> Path:
    if not (SPARK_HOME / "jars").is_dir():
        pytest.skip("no Spark: pip install --target .spark pyspark==4.1.4")
    return SPARK_HOME


@pytest.fixture(scope="session")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_agent(tmp_path_factory.mktemp("jar") / "enel-agent.jar")


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    return wait_for


@pytest.fixture(scope="module")
def launch(
    spark_home: Path, jar: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launch]:
    """Submits a script of apps/ with the agent; what still runs in the end is killed."""
    apps: list[App] = []

    def start(
        master: str,
        conf: dict[str, str],
        script: str,
        *arguments: object,
    ) -> App:
        folder = tmp_path_factory.mktemp("app")
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
        command = [str(spark_home / "bin" / "spark-submit"), "--master", master]
        command += ["--jars", str(jar)]
        for key, value in settings.items():
            command += ["--conf", f"{key}={value}"]
        command += [str(APPS / script), str(folder / "stop"), str(folder / "report")]
        command += map(str, arguments)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={
                    **os.environ,
                    "SPARK_HOME": str(spark_home),
                    "SPARK_LOCAL_IP": "127.0.0.1",
                    "PYSPARK_PYTHON": sys.executable,
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        apps.append(App(process, folder))
        return apps[-1]

    yield start
    for app in apps:
        if app.process.poll() is None:
            os.killpg(app.process.pid, signal.SIGKILL)
            app.process.wait()
