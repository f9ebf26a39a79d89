"""The operator with real Spark: embedded and standalone, success, failure and kill."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.domain import RunState
from airflow_enel.domain.context import CODE
from airflow_enel.execution.run_task import RunTask
from airflow_enel.history.interface import RunRow
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.operators.spark import EnelSparkOperator
from tests.support.fakes.tasks import task_context
from tests.support.processes.spark import ITERATIVE, ROOT, SMALL_EXECUTORS, processes_of
from tests.support.processes.waiting import until

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark_home", "airflow_db")]


@pytest.fixture(autouse=True)
def work_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    return tmp_path / "work"


def execution(
    dag_id: str, application: str, *arguments: str, try_number: int = 1, **options: Any
) -> RunTask:
    """A task's execution without its process: with the database at hand, as in a test run."""
    operator = EnelSparkOperator(
        task_id="job",
        application=application,
        application_args=list(arguments),
        executor_memory="512m",
        conf=SMALL_EXECUTORS,
        **{"max_executors": 3, **options},
    )
    return operator.run_task(task_context(dag_id, try_number=try_number))


def recorded(dag_id: str) -> RunRow:
    (row,) = SqlHistory().runs(dag_id=dag_id)
    return row


def application(tmp_path: Path, body: str) -> str:
    path = tmp_path / "application.py"
    path.write_text(
        "from pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        f"sc = spark.sparkContext\n{body}\n"
    )
    return str(path)


def test_a_run_on_the_embedded_cluster_succeeds_and_is_remembered(work_dir: Path) -> None:
    options = ("--iterations", "2", "--tasks", "4", "--task-seconds", "0.2")
    size = {"policy": "static", "num_executors": 2, "input_paths": f"{ROOT}/docs/*.md"}
    execution("embedded", ITERATIVE, *options, **size).run()

    row = recorded("embedded")
    assert row.state is RunState.SUCCEEDED
    measured = sum(page.stat().st_size for page in Path(ROOT, "docs").glob("*.md")) / 2**20
    assert row.run.context.get("input_mib") == pytest.approx(measured, abs=1e-6)
    assert len(str(row.run.context.get(CODE))) == 16
    assert row.outcome is not None
    assert (row.outcome.exit_code, row.outcome.executors_at_start) == (0, 2)
    components = SqlHistory().components(row.id)
    assert [c.position for c in components] == [0, 1, 2]
    assert all(stage.digest is not None for c in components for stage in c.stages)
    assert list(work_dir.iterdir()) == []


def test_an_application_that_fails_fails_the_task_with_its_last_lines(tmp_path: Path) -> None:
    script = application(tmp_path, "print('the last words', flush=True)\nraise SystemExit(3)")
    failing = execution("failing", script, policy="static", max_executors=1)
    with pytest.raises(AirflowException, match="failed with exit code 3") as raised:
        failing.run()

    assert "the last words" in str(raised.value)
    row = recorded("failing")
    assert row.outcome is not None
    assert (row.outcome.state, row.outcome.exit_code) == (RunState.FAILED, 3)


def test_a_kill_leaves_nothing_behind(tmp_path: Path, work_dir: Path) -> None:
    script = application(tmp_path, "import time\nprint('up', flush=True)\ntime.sleep(300)")
    killed = execution("killed", script, policy="static", max_executors=1)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(killed.run)
        until(lambda: any("up\n" in log.read_text() for log in work_dir.glob("*/driver.log")), 60)
        killed.kill()
        with pytest.raises(AirflowException, match="exit code 143"):
            running.result(timeout=30)

    until(lambda: not processes_of(work_dir), within_s=30)
    assert recorded("killed").state is RunState.KILLED
    assert list(work_dir.iterdir()) == []


def test_a_retry_takes_up_the_application_of_a_task_that_was_killed(
    tmp_path: Path, work_dir: Path
) -> None:
    wait = "import os, time\nwhile not os.path.exists({go!r}): time.sleep(0.1)\n"
    go = tmp_path / "go"
    script = application(
        tmp_path, "print('up', flush=True)\n" + wait.format(go=str(go)) + "print(sc.range(9).sum())"
    )
    command = [sys.executable, "-c", _ONE_TRY, script]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ.copy()) as first:
        until(lambda: any("up\n" in log.read_text() for log in work_dir.glob("*/driver.log")), 90)
        first.kill()
    second = execution("retried", script, policy="static", max_executors=1, try_number=2)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(second.run)
        until(lambda: second.application.driver is not None or running.done(), 30)
        go.touch()
        running.result(timeout=60)

    row = recorded("retried")
    assert row.run.key.submit_try == 1
    assert row.state is RunState.SUCCEEDED
    assert len(SqlHistory().components(row.id)) == 1
    assert processes_of(work_dir) == []


_ONE_TRY = """
import sys
from tests.integration.test_operator_on_spark import execution
execution("retried", sys.argv[1], policy="static", max_executors=1).run()
"""


@pytest.fixture
def standalone(spark_home: Path, tmp_path: Path) -> Iterator[str]:
    """A Spark standalone cluster of one master and one worker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    master = f"spark://127.0.0.1:{port}"
    spark_class = str(spark_home / "bin" / "spark-class")
    env = {**os.environ, "SPARK_WORKER_CORES": "4", "SPARK_WORKER_MEMORY": "4g"}
    deploy = "org.apache.spark.deploy"
    log = (tmp_path / "standalone.log").open("wb")
    here = ["--host", "127.0.0.1", "--webui-port", "0"]
    commands = [
        [f"{deploy}.master.Master", *here, "--port", str(port)],
        [f"{deploy}.worker.Worker", *here, "--work-dir", str(tmp_path / "workers"), master],
    ]
    processes = []
    for command in commands:
        started = subprocess.Popen([spark_class, *command], env=env, stdout=log, stderr=log)
        processes.append(started)
        until(lambda: _listens(port), within_s=60)
    yield master
    for started in processes:
        started.terminate()
        started.wait(30)
    log.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_a_run_on_a_standalone_cluster_starts_at_its_size(
    standalone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.dumps({"conn_type": "spark", "host": standalone})
    monkeypatch.setenv("AIRFLOW_CONN_STANDALONE", connection)
    options = ("--iterations", "1", "--tasks", "4", "--task-seconds", "0.5")
    execution(
        "standalone",
        ITERATIVE,
        *options,
        conn_id="standalone",
        policy="static",
        num_executors=2,
        executor_cores=1,
    ).run()

    row = recorded("standalone")
    assert row.outcome is not None
    assert row.outcome.executors_at_start == 2
    last = SqlHistory().components(row.id)[-1]
    assert (last.scale_out.start, last.scale_out.end) == (2, 2)
