"""The four MLlib jobs of the Enel paper, each a recurring job of its own."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator

JOBS = Path(__file__).parent / "jobs"
TARGETS = {"lr": 60, "mpc": 90, "kmeans": 60, "gbt": 120}

with DAG(
    "enel_mllib",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_tasks=1,
    doc_md=__doc__,
):
    for job, target_s in TARGETS.items():
        EnelSparkOperator(
            task_id=job,
            application=str(JOBS / "mllib.py"),
            application_args=["--job", job],
            runtime_target=timedelta(seconds=target_s),
            min_executors=1,
            max_executors=4,
            executor_memory="512m",
            conf={"spark.ui.enabled": "false"},
        )
