"""A sensor that observes and scales the Spark application of another task, in two ways.

In the first, our operator submits and is done: its worker slot is free while the application
runs, and the sensor, which is rescheduled, takes one only to look. In the second, Airflow's own
operator submits and waits as ever; all it needs is the configuration, and a sensor beside it.
"""

from datetime import datetime, timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.sensors.spark import EnelSparkSensor
from airflow_enel.spark import agent_conf

with DAG("enel_sensor", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False):  # noqa: DTZ001
    submit = EnelSparkOperator(
        task_id="submit_report",
        application="/opt/jobs/daily_report.py",
        runtime_target=timedelta(minutes=10),
        max_executors=16,
        wait_for_completion=False,
    )
    submit >> EnelSparkSensor(
        task_id="report",
        external_task_id="submit_report",
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=2),
    )

    SparkSubmitOperator(
        task_id="features",
        application="/opt/jobs/features.py",
        conf=agent_conf(
            runtime_target=timedelta(minutes=20),
            max_executors=16,
            conf={"spark.executor.cores": "2"},
        ),
    )
    EnelSparkSensor(  # beside it, not behind it: it scales while the task runs
        task_id="features_on_time",
        external_task_id="features",
        timeout=timedelta(hours=2),
    )
