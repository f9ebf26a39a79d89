"""What ``make demo`` runs: an iterative application, again and again, with a tight target."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator

JOBS = Path(__file__).parent / "jobs"
SMALL_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"

with DAG(
    "enel_demo",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
):
    EnelSparkOperator(
        task_id="iterate",
        application=str(JOBS / "iterative.py"),
        application_args=["--iterations", "5", "--tasks", "12", "--task-seconds", "0.8"],
        runtime_target=timedelta(seconds=45),
        min_executors=1,
        max_executors=4,
        executor_memory="512m",
        driver_memory="512m",
        conf={
            "spark.ui.enabled": "false",
            # Tasks go to new executors at once instead of waiting for the one with their cache.
            "spark.locality.wait": "0s",
            "spark.executor.extraJavaOptions": SMALL_JVM,
        },
    )
