"""A Spark application that lives by the deadline of its DAG: everything by six o'clock.

Airflow alerts two hours after the logical date. The operator has no target of its own: it takes the
time until then, less what publishing has taken in past runs and what a start takes.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from airflow_enel.operators.spark import EnelSparkOperator


async def tell_the_team(**_: Any) -> None:
    """Replace it by a notifier of yours; the triggerer calls it when the deadline has passed."""
    logging.getLogger(__name__).warning("The reports are late")


with DAG(
    "enel_deadline",
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1),  # noqa: DTZ001
    catchup=False,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(hours=2),
        callback=AsyncCallback(tell_the_team),
    ),
):

    @task
    def publish() -> None:
        """Stands for what comes after the application."""

    report = EnelSparkOperator(
        task_id="report", application="/opt/jobs/daily_report.py", max_executors=16
    )
    report >> publish()
