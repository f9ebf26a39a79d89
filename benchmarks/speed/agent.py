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
from typing import Any

from airflow_enel.spark.agent import LISTENER_CLASS, agent_jar
from benchmarks.figures import Figure

TASKS = 10_000
WARM_UPS = 5  # until the driver's code is compiled, each pass takes a good deal less than the last
PAIRS = 7
# The agent comes and goes in one driver: two drivers differ by more than it can cost. Tasks run in
# the JVM alone, as Python workers would take longer and hide what the agent takes.
_APPLICATION = f"""
import json, time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
jvm, context = spark._jvm, spark.sparkContext._jsc.sc()
numbers = jvm.java.util.ArrayList()
for number in range({TASKS}):
    numbers.add(number)
tiny = spark.sparkContext._jsc.parallelize(numbers, {TASKS})
agent = jvm.{LISTENER_CLASS}(context.conf())

def seconds():
    start = time.perf_counter()
    tiny.count()
    return time.perf_counter() - start

def watched_seconds():
    context.addSparkListener(agent)
    taken = seconds()
    context.removeSparkListener(agent)
    return taken

for _ in range({WARM_UPS}):
    watched_seconds()
pairs = []
for number in range({PAIRS}):
    turns = [watched_seconds, seconds]
    first, second = (turns, turns[::-1])[number % 2]
    took = {{first: first(), second: second()}}
    pairs.append([took[watched_seconds], took[seconds]])
print("PAIRS", json.dumps(pairs))
spark.stop()
"""


def measure() -> Iterable[Figure]:
    """The same tasks with and without the agent, in turn; ratios pair by pair."""
    with tempfile.TemporaryDirectory() as folder:
        application = Path(folder) / "tiny_tasks.py"
        application.write_text(_APPLICATION)
        pairs = _run(application)
    yield Figure.of(
        f"{TASKS:,} tiny tasks without the agent", "s", [without for _, without in pairs]
    )
    yield Figure.of(
        f"{TASKS:,} tiny tasks, with / without the agent",
        "ratio",
        [with_agent / without for with_agent, without in pairs],
        "≤ 1.02",
    )


def _run(application: Path) -> Any:
    spark = Path(os.environ.get("SPARK_HOME", ".spark/pyspark"))
    result = subprocess.run(
        [
            str(spark / "bin/spark-submit"),
            "--master=local-cluster[1,2,2048]",
            "--executor-memory=512m",
            "--conf=spark.ui.enabled=false",
            # Ten thousand lines of log would cost more than the agent.
            "--conf=spark.log.level=WARN",
            "--conf=spark.executor.cores=1",
            f"--driver-class-path={agent_jar()}",
            str(application),
        ],
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^PAIRS (.*)$", result.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"the application did not finish: {result.stderr[-2000:]}")
    return json.loads(found[1])
