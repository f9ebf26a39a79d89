"""What the tests of sensors have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_enel.sensors.spark import EnelSparkSensor
from tests.sensors.scene import Scene
from tests.support.fakes.agents import agents

agent = pytest.fixture(agents)


@pytest.fixture
def scene(
    running_task: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setattr(EnelSparkSensor, "log", logging.getLogger("sensor"))
    return Scene(running_task, tmp_path / "work")
