"""Real Spark applications with the agent in their drivers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_enel.spark.agent.build import build_agent
from tests.support.processes.spark import SPARK_HOME
from tests.support.processes.spark_app import App, Launch, kill_all, submit

APPS = Path(__file__).parent / "apps"


@pytest.fixture(scope="session")
def spark_home() -> Path:
    if not (SPARK_HOME / "jars").is_dir():
        pytest.skip("there is no .spark folder: run `make install`")
    return SPARK_HOME


@pytest.fixture(scope="session")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_agent(tmp_path_factory.mktemp("jar") / "enel-agent.jar")


@pytest.fixture(scope="module")
def launch(
    spark_home: Path, jar: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Launch]:
    """Submits a script of apps/ with the agent; what still runs in the end is killed."""
    apps: list[App] = []

    def start(master: str, conf: dict[str, str], script: str, *arguments: object) -> App:
        folder = tmp_path_factory.mktemp("app")
        apps.append(submit(folder, jar, master, conf, APPS / script, *arguments))
        return apps[-1]

    yield start
    kill_all(apps)
