"""What the agent costs an application of 10,000 tiny tasks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from airflow_enel.spark.agent import agent_jar
from airflow_enel.spark.submission.conf import agent_conf, merge_conf
from benchmarks.figures import Figure

PAIRS = 3
TASKS = 10_000
PASSES = 2  # the first one warms up
_APPLICATION = f"""
import json, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
numbers = spark._jvm.java.util.ArrayList()
for number in range({TASKS}):
    numbers.add(number)
# Tasks in the JVM alone: Python workers would take longer and hide what the agent takes.
tiny = spark.sparkContext._jsc.parallelize(numbers, {TASKS})
seconds = []
for _ in range({PASSES}):
    start = time.perf_counter()
    tiny.count()
    seconds.append(time.perf_counter() - start)
print("SECONDS", json.dumps(seconds[1:]))
spark.stop()
"""


def measure() -> Iterable[Figure]:
    """The same application with and without the agent, in turn; ratios pair by pair."""
    with tempfile.TemporaryDirectory() as folder:
        application = Path(folder) / "tiny_tasks.py"
        application.write_text(_APPLICATION)
        pairs = [
            (_run(application, agent=True), _run(application, agent=False)) for _ in range(PAIRS)
        ]
    yield Figure.of(
        f"{TASKS:,} tiny tasks without the agent", "s", [without for _, without in pairs]
    )
    yield Figure.of(
        f"{TASKS:,} tiny tasks, with / without the agent",
        "ratio",
        [with_agent / without for with_agent, without in pairs],
        "≤ 1.02",
    )


def _run(application: Path, *, agent: bool) -> float:
    conf = {"spark.ui.enabled": "false", "spark.executor.cores": "1"}
    options = [f"--conf={name}={value}" for name, value in conf.items()]
    if agent:
        folder = application.parent
        ours = agent_conf("a token", folder / "agent.json", folder / "final.json")
        merged, jars = merge_conf({}, ours, agent_jar(), None, {})
        options += [f"--conf={name}={value}" for name, value in merged.items()]
        options += ["--jars", jars]
    spark = Path(os.environ.get("SPARK_HOME", ".spark/pyspark"))
    result = subprocess.run(
        [
            str(spark / "bin/spark-submit"),
            "--master=local-cluster[1,2,2048]",
            "--executor-memory=512m",
            *options,
            str(application),
        ],
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"^SECONDS (.*)$", result.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the application did not finish: {result.stderr[-2000:]}")
    return float(min(json.loads(found[1])))
