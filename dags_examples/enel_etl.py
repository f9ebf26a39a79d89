"""A recurring Spark SQL ETL whose input is larger on some days than on others.

``input_paths`` says what it reads: the size of that explains most of its runtime before the
start. The first task stands in place of whatever brings the day's data: it generates TPC-H
tables, once per size, and needs ``pip install duckdb duckdb-extension-tpch``.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator

JOBS = Path(__file__).parent / "jobs"
FOLDER = "/tmp/enel-etl"  # noqa: S108 - on a cluster, one that its executors see
SCALE = "{{ [0.5, 0.75, 1, 2][dag_run.run_after.toordinal() % 4] }}"

with DAG(
    "enel_etl",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
):
    tables = BashOperator(
        task_id="tables",
        bash_command=f"python '{JOBS / 'tpch_data.py'}' --scale {SCALE} --folder {FOLDER}",
    )
    tables >> EnelSparkOperator(
        task_id="etl",
        application=str(JOBS / "etl.py"),
        application_args=["--tables", f"{FOLDER}/scale-{SCALE}", "--output", f"{FOLDER}/report"],
        input_paths=f"{FOLDER}/scale-{SCALE}",
        runtime_target=timedelta(seconds=120),
        min_executors=1,
        max_executors=4,
        executor_memory="1g",
        conf={"spark.ui.enabled": "false"},
    )
