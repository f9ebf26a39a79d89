"""Reading stored event logs, and importing them: speed and memory, plain and zstd.

The events have the sizes of a log of Spark 4.1: 4.5 KB per task end, 5 KB per stage, and the
kinds that are passed over in between.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import zstandard

from airflow_enel.spark.eventlog import read_log
from benchmarks.figures import Figure
from benchmarks.speed.memory import peak_mb
from tests.support.airflow import server

SIZES_MB = (25, 100)
STAGES = 2
TASKS = 40
RUNS = 3
_IMPORT = "import"


def measure() -> Iterable[Figure]:
    """Logs of 100 MB, plain and zstd; each is read in a process of its own.

    A log a quarter as long tells what of the memory grows with the log.
    """
    with tempfile.TemporaryDirectory(prefix="enel-eventlog-") as folder:
        growth_mb: dict[str, float] = {}
        for size_mb in SIZES_MB:
            plain = Path(folder, f"app-{size_mb}")
            written_mb = _write(plain, size_mb)
            packed = plain.with_suffix(".zstd")
            with plain.open("rb") as source, packed.open("wb") as target:
                zstandard.ZstdCompressor(level=1).copy_stream(source, target)
            for log, kind in ((plain, "plain"), (packed, "zstd")):
                runs = [_run(log) for _ in range(RUNS)]
                memory_mb = [mb for _, mb in runs]
                if size_mb == SIZES_MB[0]:
                    growth_mb[kind] = min(memory_mb)
                    continue
                speeds = [written_mb / s for s, _ in runs]
                per_100 = [s * 100 / written_mb for s, _ in runs]
                name = f"event log, {kind}"
                yield Figure.of(f"{name}, speed", "MB/s", speeds)
                yield Figure.of(f"{name}, 100 MB", "s", per_100, "≤ 30")
                yield Figure.of(f"{name}, peak RSS growth at {size_mb} MB", "MB", memory_mb)
                more = [mb - growth_mb[kind] for mb in memory_mb]
                yield Figure.of(f"{name}, more RSS than at {SIZES_MB[0]} MB", "MB", more, "≤ 20")
        yield from _imports(Path(folder, f"app-{SIZES_MB[-1]}"))


def _imports(log: Path) -> Iterable[Figure]:
    """What ``airflow enel import-history`` takes, the rows of the database included."""
    for database, environment in server.databases():
        server.run_in(environment, "benchmarks.speed.eventlog", _IMPORT)  # makes the tables
        logs = [*[str(log)] * RUNS, str(log.with_suffix(".zstd"))]
        measured = [
            server.run_in(environment, "benchmarks.speed.eventlog", _IMPORT, path, f"dag-{number}")
            for number, path in enumerate(logs)
        ]
        per_100 = [s * 100 / (log.stat().st_size / 1e6) for s, _ in measured]
        name = f"event log into {database}"
        yield Figure.of(f"{name}, plain, 100 MB", "s", per_100[:RUNS], "≤ 30")
        yield Figure.of(f"{name}, zstd, 100 MB", "s", per_100[RUNS:], "≤ 30")
        memory_mb = [mb for _, mb in measured]
        yield Figure.of(f"{name}, peak RSS growth", "MB", memory_mb)


def _run(log: Path) -> tuple[float, float]:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.eventlog", str(log)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory_mb = json.loads(result.stdout)
    return float(seconds), float(memory_mb)


def _read(log: Path) -> tuple[float, float]:
    """Seconds to read a log, and by how many MB the peak of the resident memory grew."""
    before_mb = peak_mb()
    start = time.perf_counter()
    reading = read_log(log)
    seconds = time.perf_counter() - start
    if not reading.snapshot.complete or not reading.snapshot.finished_components:
        raise RuntimeError("the reader lost components")
    return seconds, peak_mb() - before_mb


def _write(path: Path, size_mb: int) -> float:
    """Write a log of at least a size; return the MB written."""
    written = 0
    with path.open("w") as file:
        for event in _events():
            enough = written >= size_mb * 1e6
            if enough and event["Event"] == "SparkListenerJobStart":
                break
            written += file.write(json.dumps(event, separators=(",", ":")) + "\n")
        written += file.write(
            json.dumps({"Event": "SparkListenerApplicationEnd", "Timestamp": 10**12}) + "\n"
        )
    return written / 1e6


def _events() -> Iterator[dict[str, Any]]:
    yield {"Event": "SparkListenerLogStart", "Spark Version": "4.1.0"}
    yield {
        "Event": "SparkListenerApplicationStart",
        "App Name": "benchmark",
        "App ID": "app-1",
        "Timestamp": 1000,
    }
    for index in range(6):
        yield {
            "Event": "SparkListenerExecutorAdded",
            "Timestamp": 1001,
            "Executor ID": str(index),
            "Executor Info": {"Host": "host", "Total Cores": 1, "Log Urls": {}, "Attributes": {}},
        }
    job_id = 0
    while True:
        yield from _job(job_id)
        job_id += 1


def _job(job_id: int) -> Iterator[dict[str, Any]]:
    at = 2000 + job_id * 1000
    infos = [_info(job_id * STAGES + index, at) for index in range(STAGES)]
    yield {
        "Event": "SparkListenerJobStart",
        "Job ID": job_id,
        "Submission Time": at,
        "Stage Infos": infos,
        "Stage IDs": [info["Stage ID"] for info in infos],
        "Properties": {f"spark.some.property.{n}": "a value" for n in range(60)},
    }
    yield {
        "Event": "org.apache.spark.sql.execution.ui.SparkListenerSQLAdaptiveExecutionUpdate",
        "executionId": job_id,
        "physicalPlanDescription": "== Physical Plan ==\n" + "Exchange hashpartitioning " * 230,
    }
    for info in infos:
        yield {"Event": "SparkListenerStageSubmitted", "Stage Info": info}
        for index in range(TASKS):
            yield from _task(info["Stage ID"], at, index)
        completed = {**info, "Completion Time": at + 900, "Accumulables": _values(30)}
        yield {"Event": "SparkListenerStageCompleted", "Stage Info": completed}
    yield {
        "Event": "SparkListenerJobEnd",
        "Job ID": job_id,
        "Completion Time": at + 950,
        "Job Result": {"Result": "JobSucceeded"},
    }


def _info(stage_id: int, at: int) -> dict[str, Any]:
    return {
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Stage Name": f"treeAggregate at RDDLossFunction.scala:{60 + stage_id % STAGES}",
        "Number of Tasks": TASKS,
        "Parent IDs": [stage_id - 1] if stage_id % STAGES else [],
        "Submission Time": at,
        "RDD Info": [{"RDD ID": n, "Name": "MapPartitionsRDD", "Scope": "x"} for n in range(15)],
        "Details": "org.apache.spark.rdd.RDD.treeAggregate(RDD.scala:1225)\n" * 20,
    }


def _task(stage_id: int, at: int, index: int) -> Iterator[dict[str, Any]]:
    info = {"Task ID": index, "Launch Time": at, "Executor ID": str(index % 6), "Host": "host"}
    place = {"Stage ID": stage_id, "Stage Attempt ID": 0}
    yield {"Event": "SparkListenerTaskStart", **place, "Task Info": info}
    yield {
        "Event": "SparkListenerTaskEnd",
        **place,
        "Task Type": "ResultTask",
        "Task End Reason": {"Reason": "Success"},
        "Task Info": {**info, "Finish Time": at + 500 + index, "Accumulables": _values(25)},
        "Task Executor Metrics": {f"Metric{n}": 123456 for n in range(30)},
        "Task Metrics": {f"Some Metric {n}": 123456 for n in range(40)},
    }


def _values(count: int) -> list[dict[str, Any]]:
    return [
        {
            "ID": n,
            "Name": "internal.metrics.executorRunTime" if n == 0 else f"internal.metrics.m{n}",
            "Update": 12345,
            "Value": 12345 + n,
            "Internal": True,
            "Count Failed Values": True,
        }
        for n in range(count)
    ]


def _import(arguments: list[str]) -> tuple[float, float]:
    """Seconds to import a log for a DAG, and by how many MB the peak of the memory grew."""
    if not arguments:
        server.create_tables()
        return 0.0, 0.0
    log, dag_id = arguments
    # What the first command of a process loads is no part of the import.
    with redirect_stdout(StringIO()):
        server.command_line("enel", "prune", "--keep-runs", "9999", "--dry-run", "-o", "json")
    before_mb = peak_mb()
    start = time.perf_counter()
    with redirect_stdout(StringIO()) as told:
        server.command_line("enel", "import-history", log, "--dag-id", dag_id, "-o", "json")
    seconds = time.perf_counter() - start
    (line,) = json.loads(told.getvalue())
    if line["result"] != "imported" or not line["components"]:
        raise RuntimeError(f"not imported: {line}")
    return seconds, peak_mb() - before_mb


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    measured = _import(rest) if what == _IMPORT else _read(Path(what))
    print(json.dumps(measured))
