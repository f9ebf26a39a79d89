"""Spark's events of a simulated application, as the agent and Spark's event log hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]

SPARK_VERSION = "4.1.4"
"""Whose events these are."""


def milliseconds(at: float) -> int:
    """A moment or a time as Spark writes it."""
    return round(at * 1e3)


def log_start() -> Event:
    """First line of an event log."""
    return {"Event": "SparkListenerLogStart", "Spark Version": SPARK_VERSION}


def environment(properties: Mapping[str, str]) -> Event:
    """The settings of the application."""
    return {"Event": "SparkListenerEnvironmentUpdate", "Spark Properties": dict(properties)}


def application_start(app_id: str, name: str, at: float) -> Event:
    """The application starts."""
    return {
        "Event": "SparkListenerApplicationStart",
        "App Name": name,
        "App ID": app_id,
        "Timestamp": milliseconds(at),
        "User": "simulation",
    }


def application_end(at: float) -> Event:
    """The application has ended well."""
    return {
        "Event": "SparkListenerApplicationEnd",
        "Timestamp": milliseconds(at),
        "ExitCode": 0,
    }


def executor_added(executor_id: int, cores: int, at: float) -> Event:
    """An executor has registered."""
    return {
        "Event": "SparkListenerExecutorAdded",
        "Timestamp": milliseconds(at),
        "Executor ID": str(executor_id),
        "Executor Info": {"Host": f"worker-{executor_id}", "Total Cores": cores},
    }


def executor_removed(executor_id: int, reason: str, at: float) -> Event:
    """An executor has gone."""
    return {
        "Event": "SparkListenerExecutorRemoved",
        "Timestamp": milliseconds(at),
        "Executor ID": str(executor_id),
        "Removed Reason": reason,
    }


def executor_draining(executor_id: int, at: float) -> Event:
    """An executor takes no more tasks; by the agent."""
    return {
        "Event": "EnelExecutorDraining",
        "Timestamp": milliseconds(at),
        "Executor ID": str(executor_id),
    }


def scale_accepted(executors: int, epoch: int, at: float) -> Event:
    """A request for executors has been accepted; by the agent."""
    return {
        "Event": "EnelScaleAccepted",
        "Timestamp": milliseconds(at),
        "Executors": executors,
        "Try Number": 1,
        "Epoch": epoch,
    }


def stage_info(stage_id: int, name: str, tasks: int, parents: Sequence[int]) -> Event:
    """A stage as jobs and stages name it."""
    return {
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Stage Name": name,
        "Number of Tasks": tasks,
        "Parent IDs": list(parents),
    }


def job_start(job_id: int, stages: Sequence[Event], at: float) -> Event:
    """A Spark job starts."""
    return {
        "Event": "SparkListenerJobStart",
        "Job ID": job_id,
        "Submission Time": milliseconds(at),
        "Stage Infos": list(stages),
        "Stage IDs": [stage["Stage ID"] for stage in stages],
        "Properties": {},
    }


def job_end(job_id: int, at: float) -> Event:
    """A Spark job has succeeded."""
    return {
        "Event": "SparkListenerJobEnd",
        "Job ID": job_id,
        "Completion Time": milliseconds(at),
        "Job Result": {"Result": "JobSucceeded"},
    }


def stage_submitted(info: Event, at: float) -> Event:
    """A stage starts."""
    return {
        "Event": "SparkListenerStageSubmitted",
        "Stage Info": {**info, "Submission Time": milliseconds(at)},
    }


def stage_completed(info: Event, start: float, end: float, metrics: Mapping[str, int]) -> Event:
    """A stage has succeeded.

    :param metrics: sums over its tasks by Spark's names, without ``internal.metrics.``
    """
    return {
        "Event": "SparkListenerStageCompleted",
        "Stage Info": {
            **info,
            "Submission Time": milliseconds(start),
            "Completion Time": milliseconds(end),
            "Accumulables": [
                {"ID": index, "Name": f"internal.metrics.{name}", "Value": value}
                for index, (name, value) in enumerate(metrics.items())
            ],
        },
    }


def task_digest(stage_id: int, count: int, total_s: float, median_s: float, max_s: float) -> Event:
    """The durations of the tasks of a stage; by the agent, in place of an event per task."""
    return {
        "Event": "EnelTaskDigest",
        "Stage ID": stage_id,
        "Stage Attempt ID": 0,
        "Count": count,
        "Total Time": milliseconds(total_s),
        "Median Time": milliseconds(median_s),
        "Max Time": milliseconds(max_s),
    }
