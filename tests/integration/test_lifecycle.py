"""Tries around one real Spark application on other workers; `test_run_task` has every row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.domain import AgentAddress, RunKey, RunState, TaskStanding
from airflow_enel.execution import run_task
from airflow_enel.execution.agent_access import agent_of
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.result_reporter import MODULE, ReporterCredentials
from airflow_enel.execution.run_task import RunTask
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import RunRow, UnknownRun
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.sensors.spark import EnelSparkSensor
from airflow_enel.spark.agent_client import AgentUnreachable
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.airflow.task_instances import set_state
from tests.support.fakes.tasks import StateStore, task_context
from tests.support.processes.spark import SMALL_EXECUTORS, processes_of
from tests.support.processes.waiting import until

if TYPE_CHECKING:
    pass

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark_home", "airflow_db")]


@dataclass
class Job:
    """A task instance whose tries run wherever they are told to, with a real API server."""

    run_id: str
    script: Path
    api_url: str
    base: Path
    token: str
    task: Any
    monkeypatch: pytest.MonkeyPatch
    store: StateStore = field(default_factory=StateStore)
    standing: TaskStanding | None = None

    def attempt(self, try_number: int, worker: str = "here", **options: Any) -> RunTask:
        self.monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(self.base / worker))
        self.monkeypatch.setattr(run_task, "history_access", self._access)
        operator = EnelSparkOperator(
            task_id=self.task.task_id,
            application=str(self.script),
            executor_memory="512m",
            conf=SMALL_EXECUTORS,
            policy="static",
            max_executors=1,
            **options,
        )
        task, store = self.task, {"task_state_store": self.store}
        of = {"try_number": try_number, "max_tries": 3, **store}
        return operator.run_task(task_context(task.dag_id, self.run_id, task.task_id, **of))

    @contextmanager
    def _access(self, *_: Any) -> Iterator[HistoryAccess]:
        with HttpHistory(Requests(self.api_url, self.token, self.task)) as history:
            yield HistoryAccess(
                history,
                ask=lambda: self.standing,
                lease=lambda: ReporterCredentials(self.api_url, self.token, self.task.header()),
                revoke=lambda _: None,
            )

    def key(self, submit_try: int = 1) -> RunKey:
        return RunKey(self.task.dag_id, self.run_id, self.task.task_id, -1, submit_try)

    def driver(self, submit_try: int = 1, worker: str = "here") -> ClientDriver:
        return ClientDriver(RunFolder.of(self.key(submit_try).id, self.base / worker), MODULE)

    def row(self, submit_try: int = 1) -> RunRow | None:
        try:
            return SqlHistory().run(self.key(submit_try).id)
        except UnknownRun:
            return None

    def task_succeeds(self) -> None:
        """As Airflow notes it."""
        set_state(self.run_id, "success")

    def poke(self) -> bool:
        """What a sensor of the same DAG run says; a new one each time."""
        sensor = EnelSparkSensor(task_id="sensor", external_task_id=self.task.task_id)
        return bool(sensor.poke(task_context(self.task.dag_id, self.run_id, "sensor")))

    def submitted_elsewhere(self) -> ClientDriver:
        """An application that a first try has submitted on another worker, and died."""
        self.attempt(1, worker="there", wait_for_completion=False).run()
        SubmissionRecord(1, "another-host").write(self.store)
        until(self.agent_known, 60)
        return self.driver(1, "there")

    def agent_known(self) -> bool:
        """True once the first try, had it lived, would have told where the agent is."""
        port_file = self.driver(1, "there").folder.agent_address
        if not port_file.exists():
            return False
        address = json.loads(port_file.read_text())
        SqlHistory().save_agent(self.key().id, AgentAddress(address["host"], address["port"]))
        return True


@contextmanager
def followed(attempt: RunTask) -> Iterator[Future[None]]:
    """A try in a thread, once it follows an application."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(attempt.run)
        until(lambda: attempt.application.followed or running.done(), 60)
        yield running


@pytest.fixture
def job(
    api_url: str, running_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Job]]:
    def make(body: str) -> Job:
        task, token = running_task("lifecycle", task_id="job", try_number=2, minted_by=2)
        script = tmp_path / "application.py"
        script.write_text(
            "import os, time\n"
            "from pyspark.sql import SparkSession\n"
            "sc = SparkSession.builder.getOrCreate().sparkContext\n"
            "print(sc.range(9).sum(), flush=True)\n"
            f"while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.1)\n"
            f"{body}\n"
        )
        return Job(task.run_id, script, api_url, tmp_path / "work", token, task, monkeypatch)

    yield make
    until(lambda: not processes_of(tmp_path), 60)  # reporters included


def test_a_task_that_does_not_wait_hands_over_to_a_sensor_which_learns_the_end(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    job_ = job("raise SystemExit(3)")
    job_.attempt(1, wait_for_completion=False).run()
    job_.task_succeeds()
    assert not job_.poke()  # it runs, and its agent is known
    assert SqlHistory().agent_of(job_.key().id) is not None
    (tmp_path / "go").touch()
    with pytest.raises(AirflowException, match="failed"):
        until(job_.poke, 60)
    row = job_.row()
    assert row is not None
    assert row.outcome is not None
    assert (row.state, row.outcome.exit_code, row.outcome.complete) == (RunState.FAILED, 3, True)
    assert len(SqlHistory().components(row.id)) == 1


def test_a_retry_elsewhere_takes_over_by_the_agent_and_gets_the_result_from_the_history(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    job_ = job("")
    first = job_.submitted_elsewhere()
    with followed(job_.attempt(2)) as running:
        client = agent_of(job_.key(), SqlHistory())
        assert client is not None
        assert client.scale(1, try_number=2, epoch=7).accepted
        assert not client.scale(1, try_number=1, epoch=8).accepted
        with pytest.raises(AgentUnreachable):
            client.end(try_number=1)
        (tmp_path / "go").touch()
        running.result(timeout=60)
    assert job_.row(2) is None
    assert first.get_result() == 0
    assert job_.store == {}


def test_a_user_ends_an_application_that_runs_elsewhere(
    job: Callable[[str], Job],
) -> None:
    job_ = job("")
    first = job_.submitted_elsewhere()
    second = job_.attempt(2)
    with followed(second) as running:
        job_.standing = TaskStanding("failed", current=True, retry_remains=True)
        second.kill()
        with pytest.raises(AirflowException, match="failed"):
            running.result(timeout=60)
    until(lambda: first.processes() == [], 30)
