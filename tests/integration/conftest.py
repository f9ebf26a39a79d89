"""Real Spark under real tasks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
SPARK_HOME = ROOT / ".spark" / "pyspark"
SMALL_EXECUTORS = {
    "spark.ui.enabled": "false",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}


def until(condition: Callable[[], object], within_s: float) -> None:
    """Wait for something to come to pass."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


@pytest.fixture
def spark_home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Spark distribution of the checkout, first on the PATH."""
    return use_spark(monkeypatch)


def use_spark(monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``spark_home`` does, for fixtures that live longer than a test."""
    if not SPARK_HOME.is_dir():
        pytest.skip("there is no .spark folder: run `make install`")
    monkeypatch.setenv("SPARK_HOME", str(SPARK_HOME))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PATH", f"{SPARK_HOME / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return SPARK_HOME


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that name a folder in their arguments."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in part for part in process.info["cmdline"] or ())
    ]
