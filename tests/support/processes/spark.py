"""Spark as the tests start it: where it is, how small it is, which processes it has."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Final

import psutil
import pytest

ROOT: Final = Path(__file__).parents[3]
SPARK_HOME: Final = Path(os.environ.get("ENEL_TEST_SPARK_HOME", ROOT / ".spark" / "pyspark"))
ITERATIVE: Final = str(ROOT / "dags_examples" / "jobs" / "iterative.py")
_CLASS_ARCHIVE: Final = SPARK_HOME.parent / "classes.jsa"
COMPILE_LITTLE: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""JVMs live for seconds here: to compile their code better takes longer than that gains."""
# A JVM with another class path passes over the archive, and would warn of it on its output.
_USE_ARCHIVE = (
    f"-XX:SharedArchiveFile={_CLASS_ARCHIVE}",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)
QUICK_JVM: Final = (*COMPILE_LITTLE, *(_USE_ARCHIVE if _CLASS_ARCHIVE.exists() else ()))
"""Options of the JVMs of Spark, with the archive of `class_archive` if ``make`` has made it."""
SMALL_EXECUTORS: Final = {
    "spark.ui.enabled": "false",
    "spark.executor.extraJavaOptions": shlex.join(QUICK_JVM),
}


def use_spark(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the Spark distribution of the checkout first on the PATH; skip without one."""
    if not (SPARK_HOME / "jars").is_dir():
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
