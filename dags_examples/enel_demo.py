"""What ``make demo`` runs: an iterative application, again and again, with a target.

The target is a variable, which the demo sets after the first run: machines differ. The file of
``--late-input`` is not there unless the demo writes it: then the input doubles.
"""

import os
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator

JOBS = Path(__file__).parent / "jobs"
LATE_INPUT = Path(os.environ.get("AIRFLOW_HOME", ".")) / "late-input"
SMALL_JVM = os.environ.get("DEMO_JVM", "-XX:+UseSerialGC -XX:TieredStopAtLevel=1")

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
        application_args=[
            *("--iterations", "8", "--tasks", "4", "--task-seconds", "1.2"),
            *("--driver-seconds", "1.2", "--late-input", str(LATE_INPUT)),
        ],
        runtime_target="{{ var.value.get('enel_demo_target_s', '180') }}",
        profile=True,  # learn sooner: here there is time enough for that
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
