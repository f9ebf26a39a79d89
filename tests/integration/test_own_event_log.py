"""A run and the event log of the same run, imported, say the same of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from airflow_enel.domain import RunOutcome
from airflow_enel.history.interface import RunRow
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.ingest.import_runs import Importer
from airflow_enel.ingest.read_runs import Wanted
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.spark.eventlog import find_logs
from tests.support.fakes.tasks import task_context
from tests.support.processes.spark import SMALL_EXECUTORS

pytestmark = [pytest.mark.spark, pytest.mark.usefixtures("spark_home", "airflow_db")]

SCRIPT = """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
sc = spark.sparkContext
sc.setJobDescription("pairs")
pairs = sc.parallelize(range(400), 4).map(lambda number: (number % 7, number))
for _ in range(2):
    pairs.mapValues(lambda number: time.sleep(0.001) or number).reduceByKey(max).collect()
spark.range(1000).selectExpr("id % 5 AS k").groupBy("k").count().collect()
"""
CONTEXT = {
    "input_mib": "512",
    "share": 0.25,
    "site": " Köln,\n\"Süd\" = 'one' \\ $HOME %s {{ x }} 😀 ",
    "name with = and ä": "plain",
    "nothing": "",
}


@pytest.fixture(autouse=True)
def work_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("LC_ALL", "C")  # a driver whose locale has no letters beyond ASCII


def run_with_event_log(dag_id: str, script: Path, logs: Path) -> None:
    logs.mkdir()
    settings = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": logs.as_uri()}
    operator = EnelSparkOperator(
        task_id="job",
        application=str(script),
        executor_memory="512m",
        conf={**SMALL_EXECUTORS, **settings},
        policy="static",
        num_executors=2,
        max_executors=3,
        context=CONTEXT,
    )
    operator.run_task(task_context(dag_id)).run()


def imported(dag_id: str, log: Path) -> RunRow:
    line = Importer(Wanted(dag_id, "job"), {}, SqlHistory()).add(log)
    assert line.reason == ""
    (row,) = SqlHistory().runs(dag_id=dag_id)
    return row


def test_a_run_and_its_own_event_log_have_the_same_fields(tmp_path: Path) -> None:
    script = tmp_path / "application.py"
    script.write_text(SCRIPT)
    run_with_event_log("live-run", script, tmp_path / "logs")
    (log,) = find_logs(tmp_path / "logs")

    (live,) = SqlHistory().runs(dag_id="live-run")
    stored = imported("imported-run", log)

    assert stored.run.context == live.run.context
    assert dict(live.run.context)["site"] == CONTEXT["site"]
    assert dict(live.run.context)["application"] == "application.py"
    assert stored.run.initial_executors == live.run.initial_executors
    assert _fields(stored.outcome) == _fields(live.outcome)
    assert SqlHistory().components(stored.id) == SqlHistory().components(live.id)
    assert len(SqlHistory().components(live.id)) >= 3


def _fields(outcome: RunOutcome | None) -> dict[str, object]:
    assert outcome is not None
    return dataclasses.asdict(outcome)
