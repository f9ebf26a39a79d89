"""Gives every test an Airflow of its own; it costs nothing until a test imports Airflow.

Airflow reads its settings when it is imported, so they are set here, before any test module is.
"""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from airflow_enel.history.http.capability import TaskIdentity
from tests.support.airflow import server
from tests.support.airflow.settings import settings_of
from tests.support.airflow.task_instances import add_task_instance, token_of
from tests.support.processes.spark import COMPILE_LITTLE, QUICK_JVM

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

pytest_plugins = ["tests.support.markers"]

settings.register_profile("enel", deadline=None)  # a busy machine is no failure
settings.register_profile("fast", settings.get_profile("enel"), max_examples=25)
settings.load_profile("enel")

_HOME = Path(tempfile.mkdtemp(prefix="airflow-enel-tests-"))

os.environ.update(
    settings_of(
        _HOME,
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="vera:viewer,adam:admin",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        SPARK_DAEMON_JAVA_OPTS=shlex.join(QUICK_JVM),
        SPARK_LAUNCHER_OPTS=" ".join(COMPILE_LITTLE),
        SPARK_SUBMIT_OPTS=shlex.join(QUICK_JVM),
    )
)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's metadata DB with our tables, made as ``airflow db migrate`` makes them."""
    server.create_tables()


@pytest.fixture(scope="session")
def api(airflow_db: None) -> Iterator[TestClient]:
    """The real API server with the plugin, without a network."""
    with server.api_server() as client:
        yield client


@pytest.fixture(scope="session")
def api_url(airflow_db: None) -> Iterator[str]:
    """The real API server with the plugin, on a port of its own."""
    with server.listening_server() as url:
        yield url


@pytest.fixture(scope="session")
def running_task(airflow_db: None) -> Callable[..., tuple[TaskIdentity, str]]:
    """Makes rows of a running task instance, and a token as its process would mint it."""
    numbers = itertools.count()

    def make(
        dag_id: str = "dag",
        run_id: str | None = None,
        task_id: str = "task",
        map_index: int = -1,
        *,
        try_number: int = 1,
        minted_by: int | None = None,
    ) -> tuple[TaskIdentity, str]:
        run_id = run_id or f"run-{next(numbers)}"
        task = TaskIdentity(dag_id, run_id, task_id, map_index, try_number)
        add_task_instance(task)
        minted = task if minted_by is None else replace(task, try_number=minted_by)
        return minted, token_of(minted)

    return make
