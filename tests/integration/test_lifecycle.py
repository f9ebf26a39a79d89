# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Tries that come and go around one real Spark application: here, elsewhere, handed over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.domain import RunKey, RunState, TaskStanding
from airflow_enel.execution import run_task
from airflow_enel.execution.history_access import HistoryAccess
from airflow_enel.execution.result_reporter import MODULE, ReporterCredentials
from airflow_enel.execution.run_task import RunTask
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.history.base import RunRow, UnknownRun
from airflow_enel.history.client import HttpHistory, Requests
from airflow_enel.history.repository import SqlHistory
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.sensors.spark import EnelSparkSensor
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
        SqlHistory().save_agent(self.key().id, address["host"], address["port"])
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


@pytest.mark.parametrize(("exit_code", "state"), [(0, RunState.SUCCEEDED), (3, RunState.FAILED)])
def test_a_task_that_does_not_wait_hands_over_to_a_sensor_which_learns_the_end(
    job: Callable[[str], Job], tmp_path: Path, exit_code: int, state: RunState
) -> None:
    job_ = job(f"raise SystemExit({exit_code})")
    job_.attempt(1, wait_for_completion=False).run()
    job_.task_succeeds()
    assert not job_.poke()  # it runs, and its agent is known
    assert SqlHistory().agent_of(job_.key().id) is not None
    (tmp_path / "go").touch()
    if state is RunState.SUCCEEDED:
        until(job_.poke, 60)
    else:
        with pytest.raises(AirflowException, match="failed"):
            until(job_.poke, 60)
    row = job_.row()
    assert row is not None
    assert row.outcome is not None
    assert (row.state, row.outcome.exit_code, row.outcome.complete) == (state, exit_code, True)
    assert len(SqlHistory().components(row.id)) == 1


def test_a_retry_elsewhere_follows_by_the_agent_and_gets_the_result_from_the_history(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    job_ = job("")
    first = job_.submitted_elsewhere()
    with followed(job_.attempt(2)) as running:
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


def test_what_cannot_be_learned_ends_in_a_failure_and_never_in_a_second_application(
    job: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__ENEL__UNKNOWN_PATIENCE", "0")
    job_ = job("")
    SubmissionRecord(1, "another-host").write(job_.store)
    with pytest.raises(AirflowException, match="airflow enel mark-lost"):
        job_.attempt(2).run()
    assert job_.row(2) is None
    assert list((job_.base / "here").glob("*")) == []


def test_clearing_a_task_that_did_not_wait_ends_its_application_and_submits_afresh(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    job_ = job("")
    job_.attempt(1, wait_for_completion=False).run()
    first = job_.driver()
    until(first.processes, 20)
    second = job_.attempt(2, wait_for_completion=False)
    second.run()
    assert first.processes() == []
    (tmp_path / "go").touch()
    until(lambda: (row := job_.row(2)) and row.state is RunState.SUCCEEDED, 60)


@pytest.mark.parametrize(
    ("standing", "stays"),
    [
        (TaskStanding("running", current=True, retry_remains=True), True),
        (TaskStanding("failed", current=True, retry_remains=True), False),
    ],
)
def test_sigterm_ends_the_driver_for_a_user_and_keeps_it_after_an_eviction(
    job: Callable[[str], Job], tmp_path: Path, standing: TaskStanding, stays: bool
) -> None:
    job_ = job("")
    first = job_.attempt(1)
    with followed(first) as running:
        job_.standing = standing
        driver = first.application.driver
        assert driver is not None
        until(driver.folder.agent_address.exists, 60)
        first.kill()
        if stays:
            assert driver.processes()
            (tmp_path / "go").touch()
            running.result(timeout=60)
        else:
            with pytest.raises(AirflowException, match="exit code 143"):
                running.result(timeout=30)
    until(lambda: driver.processes() == [], 30)
    assert not driver.folder.path.exists()


def test_an_older_try_cannot_steer_once_a_newer_one_has_asked(
    job: Callable[[str], Job], tmp_path: Path
) -> None:
    from airflow_enel.execution.agent_access import agent_of
    from airflow_enel.spark.client import AgentUnreachable

    job_ = job("")
    first = job_.submitted_elsewhere()
    client = agent_of(replace(job_.key(), submit_try=1), SqlHistory())
    assert client is not None
    client.scale(1, try_number=2, epoch=1)
    refused = client.scale(1, try_number=1, epoch=2)
    assert not refused.accepted
    with pytest.raises(AgentUnreachable):
        client.end(try_number=1)
    assert first.get_result() is None
    (tmp_path / "go").touch()
    until(lambda: first.get_result() == 0, 60)
