# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""A task that really runs reaches its history with nothing configured."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

DAG_FILE = """
from datetime import datetime, timezone
from airflow.sdk import DAG, task

TRANSPORT, GOT = None, []

with DAG("handshake", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)) as dag:

    @task
    def ask(**context):
        from airflow_enel.history.http.capability import TaskIdentity, mint
        from airflow_enel.history.http.client import HttpHistory, Requests

        ti = context["ti"]
        token = mint(context["task_state_store"], ti.try_number)
        task = TaskIdentity(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.try_number)
        with HttpHistory(Requests("http://server", token, task, transport=TRANSPORT)) as history:
            GOT.append(history.past_runs(ti.dag_id, "job"))

    ask()
"""


def test_a_running_task_mints_a_token_that_the_server_accepts(api: Any) -> None:
    from tests.support.airflow.server import ServerTransport

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    folder.mkdir(exist_ok=True)
    file = folder / "handshake.py"
    file.write_text(DAG_FILE)
    spec = importlib.util.spec_from_file_location("handshake", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.TRANSPORT = ServerTransport(api)
    run = module.dag.test()
    assert run.state == "success"
    assert module.GOT == [()]
