"""The smallest DAG: one recurring Spark application with a target of ten minutes."""

from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator

with DAG("enel_minimal", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False):  # noqa: DTZ001
    EnelSparkOperator(
        task_id="daily_report",
        application="/opt/jobs/daily_report.py",
        runtime_target=timedelta(minutes=10),
        max_executors=16,
    )
