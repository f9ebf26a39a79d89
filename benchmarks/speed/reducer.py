"""Events per second through the reducer, with and without reading their JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from airflow_enel.spark.reducer import EventReducer
from benchmarks.figures import Figure

JOBS = 300
STAGES = 4
TASKS = 50
RUNS = 9


def measure() -> Iterable[Figure]:
    """A run of 300 jobs of 4 stages of 50 tasks, as a stored event log and as the agent sends."""
    stored = list(_events(tasks=True))
    live = list(_events(tasks=False))
    lines = [json.dumps(event) for event in stored]
    aim = "≥ 20,000"
    yield _figure("reducer, stored log, parsed events", len(stored), lambda: _fold(stored), aim)
    yield _figure("reducer, events of the agent", len(live), lambda: _fold(live), aim)
    yield _figure(
        "reducer, stored log, with json.loads",
        len(lines),
        lambda: _fold(json.loads(line) for line in lines),
        aim,
    )


def _figure(name: str, events: int, action: Callable[[], None], aim: str) -> Figure:
    action()
    speeds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        speeds.append(events / (time.perf_counter() - start))
    return Figure.of(name, "events/s", speeds, aim)


def _fold(events: Iterable[dict[str, Any]]) -> None:
    fold = EventReducer()
    for event in events:
        fold.add(event)
    if len(fold.snapshot(1e9).finished_components) != JOBS:
        raise RuntimeError("the reducer lost components")


def _events(*, tasks: bool) -> Iterable[dict[str, Any]]:
    yield {
        "Event": "SparkListenerApplicationStart",
        "App Name": "benchmark",
        "App ID": "app-1",
        "Timestamp": 0,
    }
    for index in range(6):
        yield {
            "Event": "SparkListenerExecutorAdded",
            "Timestamp": 1,
            "Executor ID": str(index),
            "Executor Info": {"Host": "host", "Total Cores": 1, "Log Urls": {}, "Attributes": {}},
        }
    for job_id in range(JOBS):
        yield from _job(job_id, tasks=tasks)


def _job(job_id: int, *, tasks: bool) -> Iterable[dict[str, Any]]:
    start = 10 + job_id * 1000
    infos = [_info(job_id * STAGES + index, index) for index in range(STAGES)]
    yield {
        "Event": "SparkListenerJobStart",
        "Job ID": job_id,
        "Submission Time": start,
        "Stage Infos": infos,
        "Stage IDs": [info["Stage ID"] for info in infos],
        "Properties": {"spark.job.description": "an iteration"},
    }
    for info in infos:
        yield {"Event": "SparkListenerStageSubmitted", "Stage Info": info}
        if tasks:
            yield from (_task(info["Stage ID"], start, index) for index in range(TASKS))
        completed = {**info, "Completion Time": start + 900, "Accumulables": _metrics()}
        yield {"Event": "SparkListenerStageCompleted", "Stage Info": completed}
    yield {
        "Event": "SparkListenerJobEnd",
        "Job ID": job_id,
        "Completion Time": start + 950,
        "Job Result": {"Result": "JobSucceeded"},
    }


def _info(stage_id: int, index: int) -> dict[str, Any]:
    return {
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Stage Name": f"treeAggregate at RDDLossFunction.scala:{60 + index}",
        "Number of Tasks": TASKS,
        "Parent IDs": [stage_id - 1] if index else [],
        "Submission Time": 20,
        "RDD Info": [{"RDD ID": 1, "Name": "MapPartitionsRDD", "Number of Partitions": TASKS}],
    }


def _metrics() -> list[dict[str, Any]]:
    names = ("executorRunTime", "executorCpuTime", "jvmGCTime", "resultSize", "diskBytesSpilled")
    return [
        {"ID": index, "Name": f"internal.metrics.{name}", "Value": 12345, "Internal": True}
        for index, name in enumerate(names)
    ]


def _task(stage_id: int, start: int, index: int) -> dict[str, Any]:
    return {
        "Event": "SparkListenerTaskEnd",
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Task Type": "ResultTask",
        "Task End Reason": {"Reason": "Success"},
        "Task Info": {
            "Task ID": index,
            "Launch Time": start,
            "Finish Time": start + 500 + index,
            "Executor ID": str(index % 6),
            "Accumulables": _metrics(),
        },
        "Task Metrics": {"Executor Run Time": 480, "JVM GC Time": 3, "Result Size": 1200},
    }
