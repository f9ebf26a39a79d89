"""End to end: real scheduler, tasks without a database, real executors, real history."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState, TargetSource
from airflow_enel.history.interface import DecisionStatus, HistoryError, RunRow
from airflow_enel.history.sql.repository import SqlHistory
from dags_examples.demo.airflow_home import AirflowHome
from tests.support.processes.spark import ROOT, SMALL_EXECUTORS, use_spark
from tests.support.processes.waiting import until

pytestmark = [pytest.mark.airflow, pytest.mark.spark]

DAG_ID = "enel_demo"


@pytest.fixture(scope="module")
def home(airflow_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowHome]:
    """A real Airflow with the examples and a DAG of ours; it leaves no process behind."""
    folder = tmp_path_factory.mktemp("standalone")
    dags = folder / "dags"
    dags.mkdir()
    (dags / "examples").symlink_to(ROOT / "dags_examples")
    application = folder / "waiting.py"
    application.write_text(_WAITING)
    (dags / "lifecycle.py").write_text(
        _LIFECYCLE_DAG.format(application=str(application), conf=SMALL_EXECUTORS)
    )
    (dags / "late.py").write_text(
        _LATE_DAG.format(
            application=str(application), conf=SMALL_EXECUTORS, told=str(folder / "told")
        )
    )
    short = folder / "short.py"
    short.write_text(_WAITING.replace("600", "0"))
    (dags / "deadline.py").write_text(
        _DEADLINE_DAG.format(application=str(short), conf=SMALL_EXECUTORS)
    )
    airflow = AirflowHome(folder / "home", dags)
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_spark(monkeypatch)
        try:
            airflow.start()
            yield airflow
            family = psutil.Process(airflow.pid).children(recursive=True)
        finally:
            airflow.stop()
    assert _processes_of(folder) == []
    _, alive = psutil.wait_procs(family, timeout=5)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def history(home: AirflowHome) -> SqlHistory:
    return SqlHistory(sessionmaker(create_engine(home.database)).begin)


def test_a_recurring_job_runs_is_watched_and_is_remembered(
    home: AirflowHome, history: SqlHistory
) -> None:
    def first_run() -> RunRow | None:
        try:
            runs = history.runs(dag_id=DAG_ID)
        except HistoryError:  # SQLite is locked
            return None
        return runs[-1] if runs else None

    home.pause(DAG_ID, paused=False)
    until(first_run, within_s=90)
    home.pause(DAG_ID, paused=True)
    until(lambda: (row := first_run()) and row.state is RunState.SUCCEEDED, within_s=150)
    row = first_run()
    assert row is not None
    assert row.outcome is not None
    assert row.run.initial_executors == row.run.bounds.maximum == row.outcome.executors_at_start
    assert len(history.past_runs(DAG_ID, "iterate")) == 1
    components = history.components(row.id)
    assert [c.position for c in components] == list(range(len(components)))
    assert all(stage.metrics.executor_run_s > 0 for c in components for stage in c.stages)
    decisions = history.decisions(row.id)
    assert decisions[0].step.decision.epoch == 0
    # The application may end before it answers the last one.
    assert {d.status for d in decisions[:-1]} == {DecisionStatus.ACCEPTED}
    assert decisions[-1].status in (DecisionStatus.ACCEPTED, DecisionStatus.UNANSWERED)
    until(lambda: _task_state(home, row) == "success", within_s=60)
    _strangers_see_nothing(home, row)


def _task_state(home: AirflowHome, row: RunRow) -> str:
    """Of the task, as the run of a paused DAG is brought up to date once a minute only."""
    run = f"/dags/{DAG_ID}/dagRuns/{quote(row.run.key.run_id, safe='')}"
    answer = home.call("GET", f"{run}/taskInstances/{row.run.key.task_id}")
    return str(answer.json()["state"])


def _strangers_see_nothing(home: AirflowHome, row: RunRow) -> None:
    answer = httpx.get(f"{home.url}/enel/api/v1/runs/{row.id}/agent", trust_env=False)
    assert answer.status_code in (401, 403)


_LIFECYCLE_DAG = """
from datetime import datetime, timedelta
from airflow.sdk import DAG
from airflow_enel.operators.spark import EnelSparkOperator

with DAG("lifecycle", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    EnelSparkOperator(
        task_id="job",
        application={application!r},
        policy="static",
        max_executors=1,
        executor_memory="512m",
        conf={conf!r},
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
"""
_WAITING = """
import time
from pyspark.sql import SparkSession
sc = SparkSession.builder.getOrCreate().sparkContext
print(sc.range(9).sum(), flush=True)
time.sleep(600)
"""


_DEADLINE_DAG = """
from datetime import datetime, timedelta
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference
from airflow_enel.operators.spark import EnelSparkOperator

async def nobody(**_):
    pass

def alert(minutes):
    return DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=minutes), AsyncCallback(nobody)
    )

with DAG(
    "deadline",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    deadline=[alert(90), alert(60)],
):
    job = EnelSparkOperator.partial(
        task_id="job",
        application={application!r},
        max_executors=1,
        executor_memory="512m",
        conf={conf!r},
    ).expand(application_args=[["mapped"]])
    job >> EmptyOperator(task_id="publish")
"""


def test_a_mapped_task_without_a_target_lives_by_the_deadline_that_airflow_has_computed(
    home: AirflowHome, history: SqlHistory
) -> None:
    home.pause("deadline", paused=False)
    home.call("POST", "/dags/deadline/dagRuns", json={"logical_date": None})

    def row() -> RunRow | None:
        try:
            runs = history.runs(dag_id="deadline")
        except HistoryError:  # SQLite is locked
            return None
        return runs[0] if runs else None

    until(row, within_s=120)
    # Once the DAG run has succeeded, Airflow forgets its deadlines.
    deadlines = "SELECT deadline_time FROM deadline JOIN dag_run ON dag_run.id = dagrun_id"
    with create_engine(home.database).connect() as connection:
        rows = connection.execute(text(f"{deadlines} WHERE dag_id = 'deadline'")).scalars().all()
    found = row()
    assert found is not None
    run = found.run
    computed = sorted(
        datetime.fromisoformat(at).replace(tzinfo=timezone.utc).timestamp() for at in rows
    )
    assert len(computed) == 2
    assert run.deadline_at == pytest.approx(computed[0], abs=0.001)
    assert (run.target_source, run.key.map_index) == (TargetSource.DEADLINE_ALERT, 0)
    assert run.runtime_target_s is not None
    assert run.runtime_target_s == pytest.approx(computed[0] - run.submitted_at, abs=5)
    until(lambda: (end := row()) and end.state is RunState.SUCCEEDED, within_s=120)
    until(lambda: not list(home.work_dir.iterdir()), within_s=30)
    assert "(deadline_alert)" in _task_log(home, "deadline")


def test_the_driver_outlives_its_task_and_an_eviction_but_not_a_user(
    home: AirflowHome, history: SqlHistory
) -> None:
    home.pause("lifecycle", paused=False)
    home.call("POST", "/dags/lifecycle/dagRuns", json={"logical_date": None})
    first_task = _followed_by(home, other_than=0)
    (folder,) = home.work_dir.iterdir()
    until((folder / "agent.json").exists, within_s=60)
    driver = json.loads((folder / "agent.json").read_text())["pid"]

    os.kill(first_task, signal.SIGKILL)
    second_task = _followed_by(home, other_than=first_task)
    assert psutil.pid_exists(driver)

    os.kill(second_task, signal.SIGTERM)  # as a worker that is drained would
    until(lambda: "runs on" in _task_log(home), within_s=30)
    assert psutil.pid_exists(driver)

    (row,) = history.runs(dag_id="lifecycle")
    run = f"/dags/lifecycle/dagRuns/{quote(row.run.key.run_id, safe='')}"
    home.call("PATCH", f"{run}/taskInstances/job", json={"new_state": "failed"})
    until(lambda: not psutil.pid_exists(driver), within_s=30)
    until(lambda: not folder.exists(), within_s=30)
    until(lambda: history.run(row.id).state is RunState.KILLED, within_s=30)
    assert len(history.runs(dag_id="lifecycle")) == 1


_LATE_DAG = """
from datetime import datetime, timedelta
from pathlib import Path
from airflow.sdk import DAG, BaseNotifier
from airflow_enel.operators.spark import EnelSparkOperator

class Told(BaseNotifier):
    template_fields = ("text",)

    def __init__(self):
        super().__init__()
        self.text = "{{{{ ti.dag_id }}}}: {{{{ expected_miss.target_s }}}}"

    def notify(self, context):
        with Path({told!r}).open("a") as file:
            file.write(self.text + "\\n")

with DAG("late", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    EnelSparkOperator(
        task_id="job",
        application={application!r},
        policy="static",
        runtime_target=timedelta(seconds=1),
        on_expected_miss=Told(),
        max_executors=1,
        executor_memory="512m",
        conf={conf!r},
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
"""


def test_a_notifier_is_called_once_for_a_late_run_that_two_tasks_have_followed(
    home: AirflowHome,
) -> None:
    told = home.path.parent / "told"
    home.pause("late", paused=False)
    answer = home.call("POST", "/dags/late/dagRuns", json={"logical_date": None})
    run = f"/dags/late/dagRuns/{quote(answer.json()['dag_run_id'], safe='')}"
    first_task = _followed_by(home, other_than=0)
    (folder,) = home.work_dir.iterdir()
    until(lambda: told.exists() and told.read_text(), within_s=90)

    os.kill(first_task, signal.SIGKILL)
    _followed_by(home, other_than=first_task)
    until(lambda: _task_log(home, "late").count("will probably be late") == 2, within_s=60)
    home.call("PATCH", f"{run}/taskInstances/job", json={"new_state": "failed"})
    until(lambda: not folder.exists(), within_s=60)
    assert told.read_text() == "late: 1.0\n"


def _followed_by(home: AirflowHome, other_than: int) -> int:
    """The process of the task that follows the driver, once it is another one."""
    found: list[int] = []

    def another() -> bool:
        watchers = [int(path.read_text() or 0) for path in home.work_dir.glob("*/watcher")]
        found[:] = [pid for pid in watchers if pid not in (0, other_than)]
        return bool(found)

    until(another, within_s=120)
    return found[0]


def _task_log(home: AirflowHome, dag_id: str = "lifecycle") -> str:
    return "".join(
        path.read_text() for path in (home.path / "logs").glob(f"dag_id={dag_id}/**/*.log")
    )


def test_the_demo_stops_everything_when_it_is_interrupted(spark_home: Path, tmp_path: Path) -> None:
    (tmp_path / "dags_examples").symlink_to(ROOT / "dags_examples")
    deaf = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]  # as `make demo &` is in a script
    demo = subprocess.Popen(
        [*deaf, sys.executable, "-u", "-m", "dags_examples.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if "Decision 0" in line:
                break
        demo.send_signal(signal.SIGINT)
        output, _ = demo.communicate(timeout=60)
    finally:
        demo.terminate()

    assert "Stopping Airflow" in output
    assert "Traceback" not in output
    assert demo.returncode == 130
    assert _processes_of(tmp_path) == []


def _processes_of(folder: Path) -> list[str]:
    """Command lines of processes that have something to do with a folder."""
    commands = {
        process.pid: " ".join(process.info["cmdline"] or ())
        + " AIRFLOW_HOME="
        + (process.info["environ"] or {}).get("AIRFLOW_HOME", "")
        for process in psutil.process_iter(["cmdline", "environ"])
    }
    return [text for pid, text in commands.items() if str(folder) in text and pid != os.getpid()]
