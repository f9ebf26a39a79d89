"""Once a week: train the model that all recurring jobs share.

The training reads the history of every DAG, so the API server must name it::

    [enel]
    trainers = enel_maintenance:train

Its worker needs ``pip install "airflow-enel[train]"``; send it there with ``queue=``. Old runs are
removed by ``airflow enel prune``, which needs the metadata DB and so is no task: let whatever runs
``airflow db clean`` run it too.
"""

from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_enel.operators.train import EnelTrainOperator

with DAG("enel_maintenance", schedule="@weekly", start_date=datetime(2026, 1, 1), catchup=False):  # noqa: DTZ001
    train = EnelTrainOperator(task_id="train", retries=1, execution_timeout=timedelta(hours=2))
