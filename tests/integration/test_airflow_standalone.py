"""One end-to-end run: real scheduler, a task without database, real executors, real history."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState
from airflow_enel.history.base import DecisionStatus, HistoryError, RunRow
from airflow_enel.history.repository import SqlHistory
from dags_examples.demo.airflow_home import AirflowHome
from tests.integration.conftest import ROOT, until

pytestmark = [pytest.mark.airflow, pytest.mark.spark]

DAG_ID = "enel_demo"


def test_a_recurring_job_runs_is_watched_and_is_remembered(
    spark_home: Path, tmp_path: Path
) -> None:
    home = AirflowHome(tmp_path / "home", ROOT / "dags_examples")
    history = SqlHistory(sessionmaker(create_engine(home.database)).begin)

    def first_run() -> RunRow | None:
        try:
            runs = history.runs(dag_id=DAG_ID)
        except HistoryError:  # the tables are not there yet, or SQLite is locked
            return None
        return runs[-1] if runs else None

    try:
        home.start()
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
        assert {d.status for d in decisions} == {DecisionStatus.ACCEPTED}
        until(lambda: _task_state(home, row) == "success", within_s=60)
        _strangers_see_nothing(home, row)
    finally:
        home.stop()
    assert _processes_of(tmp_path) == []


def _task_state(home: AirflowHome, row: RunRow) -> str:
    """Of the task, as the run of a paused DAG is brought up to date once a minute only."""
    run = f"/dags/{DAG_ID}/dagRuns/{quote(row.run.key.run_id, safe='')}"
    answer = home.call("GET", f"{run}/taskInstances/{row.run.key.task_id}")
    return str(answer.json()["state"])


def _strangers_see_nothing(home: AirflowHome, row: RunRow) -> None:
    answer = httpx.get(f"{home.url}/enel/api/v1/runs/{row.id}/agent", trust_env=False)
    assert answer.status_code in (401, 403)


def test_the_demo_stops_everything_when_it_is_interrupted(spark_home: Path, tmp_path: Path) -> None:
    (tmp_path / "dags_examples").symlink_to(ROOT / "dags_examples")
    demo = subprocess.Popen(
        [sys.executable, "-u", "-m", "dags_examples.demo"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Decision 0" in line:
            break
    demo.send_signal(signal.SIGINT)
    output, _ = demo.communicate(timeout=60)

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
