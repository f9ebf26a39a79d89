"""Spark events as small as the reducer can do with; times in seconds."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def application_start(at: float = 0.0, app_id: str = "app-1") -> Event:
    return {
        "Event": "SparkListenerApplicationStart",
        "App Name": "job",
        "App ID": app_id,
        "Timestamp": _ms(at),
    }


def application_end(at: float) -> Event:
    return {"Event": "SparkListenerApplicationEnd", "Timestamp": _ms(at)}


def environment(**properties: str) -> Event:
    named = {name.replace("_", "."): value for name, value in properties.items()}
    return {"Event": "SparkListenerEnvironmentUpdate", "Spark Properties": named}


def stage_info(
    stage_id: int, name: str = "sum at job.py:1", parents: tuple[int, ...] = ()
) -> Event:
    return {
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Stage Name": name,
        "Number of Tasks": 4,
        "Parent IDs": list(parents),
    }


def job_start(job_id: int, at: float, *stages: Event, **properties: str) -> Event:
    return {
        "Event": "SparkListenerJobStart",
        "Job ID": job_id,
        "Submission Time": _ms(at),
        "Stage Infos": list(stages),
        "Stage IDs": [stage["Stage ID"] for stage in stages],
        "Properties": {name.replace("_", "."): value for name, value in properties.items()},
    }


def job_end(job_id: int, at: float, result: str = "JobSucceeded") -> Event:
    return {
        "Event": "SparkListenerJobEnd",
        "Job ID": job_id,
        "Completion Time": _ms(at),
        "Job Result": {"Result": result},
    }


def stage_submitted(info: Event, at: float) -> Event:
    return {
        "Event": "SparkListenerStageSubmitted",
        "Stage Info": {**info, "Submission Time": _ms(at)},
    }


def stage_completed(info: Event, start: float, end: float, **metrics: int) -> Event:
    accumulables = [
        {"ID": index, "Name": f"internal.metrics.{name}", "Value": value}
        for index, (name, value) in enumerate(metrics.items())
    ]
    return {
        "Event": "SparkListenerStageCompleted",
        "Stage Info": {
            **info,
            "Submission Time": _ms(start),
            "Completion Time": _ms(end),
            "Accumulables": accumulables,
        },
    }


def task_end(stage_id: int, start: float, end: float, reason: str = "Success") -> Event:
    return {
        "Event": "SparkListenerTaskEnd",
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Task End Reason": {"Reason": reason},
        "Task Info": {"Launch Time": _ms(start), "Finish Time": _ms(end)},
    }


def executor_added(executor_id: str, at: float) -> Event:
    return {
        "Event": "SparkListenerExecutorAdded",
        "Timestamp": _ms(at),
        "Executor ID": executor_id,
        "Executor Info": {"Host": "127.0.0.1", "Total Cores": 1},
    }


def storage_added(executor_id: str, memory_bytes: int, at: float = 2.0) -> Event:
    return {
        "Event": "SparkListenerBlockManagerAdded",
        "Block Manager ID": {"Executor ID": executor_id, "Host": "host", "Port": 1},
        "Maximum Memory": memory_bytes,
        "Timestamp": _ms(at),
    }


def cached_data(cached_bytes: int, at: float = 3.0) -> Event:
    return {"Event": "EnelCachedData", "Timestamp": _ms(at), "Bytes": cached_bytes}


def executor_removed(executor_id: str, at: float, reason: str = "worker lost") -> Event:
    return {
        "Event": "SparkListenerExecutorRemoved",
        "Timestamp": _ms(at),
        "Executor ID": executor_id,
        "Removed Reason": reason,
    }


def executor_draining(executor_id: str, at: float) -> Event:
    return {"Event": "EnelExecutorDraining", "Timestamp": _ms(at), "Executor ID": executor_id}


def scale_accepted(executors: int, epoch: int, at: float, try_number: int = 1) -> Event:
    return {
        "Event": "EnelScaleAccepted",
        "Timestamp": _ms(at),
        "Executors": executors,
        "Try Number": try_number,
        "Epoch": epoch,
    }


def simple_run(components: int = 3, executors: int = 2, component_s: float = 10.0) -> list[Event]:
    """A run of equal components of one stage, on executors that are there from the start."""
    events = [application_start(1.0), environment(spark_enel_initialExecutors=str(executors))]
    events += [executor_added(str(index), 2.0) for index in range(executors)]
    at = 2.0
    for index in range(components):
        info = stage_info(index)
        events += [
            job_start(index, at, info),
            stage_submitted(info, at),
            stage_completed(info, at, at + component_s, executorRunTime=4000),
            job_end(index, at + component_s),
        ]
        at += component_s
    return [*events, application_end(at + 1)]


def later(events: list[Event], seconds: int) -> list[Event]:
    """The same run so many seconds later."""

    def moved(value: object) -> object:
        if isinstance(value, dict):
            return {k: shifted(k, v) for k, v in value.items()}
        return [moved(v) for v in value] if isinstance(value, list) else value

    def shifted(key: str, value: object) -> object:
        if key.endswith(("Time", "Timestamp", "timestamp")) and isinstance(value, int) and value:
            return value + 1000 * seconds
        return moved(value)

    return [moved(event) for event in events]  # type: ignore[misc]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
