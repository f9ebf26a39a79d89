"""The healthy stream of events of an agent, which fields of it are read, and as what."""

from __future__ import annotations

import json
from typing import Any, Final

Event = dict[str, Any]
Page = dict[str, Any]

NAN, INF = float("nan"), float("inf")
DEEP: Any = []
for _ in range(100):
    DEEP = [DEEP]

_NO_NUMBER: Final[tuple[Any, ...]] = (
    None,
    "5",
    "",
    True,
    NAN,
    INF,
    -INF,
    [],
    {},
    [1],
    DEEP,
    10**400,
)
BAD: Final[dict[str, tuple[Any, ...]]] = {
    "time": (*_NO_NUMBER, -1, -0.5, 1e14, 1e300, -(2**63), "2026-01-01"),
    "count": (*_NO_NUMBER, -1, 1.5, 2.0, 2**31, 2**63, 10**30, 1e300),
    "text": (None, 5, 1.5, True, NAN, [], {}, ["x"], {"a": "x"}, DEEP),
    "optional text": (5, 1.5, True, NAN, [], {}, ["x"], DEEP),
    "ids": (None, 5, "12", "", {}, {"a": 1}, [1.5], [-1], ["1"], [None], [NAN], [2**31], DEEP),
    "object": (None, 5, "x", True, NAN, [], ["x"], DEEP),
    "list": (None, 5, "x", "", True, {}, {"a": 1}, [5], ["x"], [None], DEEP),
    "size": (4, 4.0, None, True, "", "x", "-4", "4.5", "NaN", "1e9", str(2**31), "9" * 5000, []),
}
"""Values that a field of a kind must not have."""


_STAGE = [
    ("Stage Info", "object"),
    ("Stage Info.Stage ID", "count"),
    ("Stage Info.Stage Attempt ID", "count"),
    ("Stage Info.Stage Name", "text"),
    ("Stage Info.Number of Tasks", "count"),
]
READ: Final[dict[str, list[tuple[str, str]]]] = {
    "SparkListenerApplicationStart": [
        ("Timestamp", "time"),
        ("App Name", "text"),
        ("App ID", "text"),
    ],
    "SparkListenerEnvironmentUpdate": [
        ("Spark Properties", "object"),
        ("Spark Properties.spark/enel/initialExecutors", "size"),
    ],
    "SparkListenerExecutorAdded": [
        ("Timestamp", "time"),
        ("Executor ID", "text"),
        ("Executor Info", "object"),
        ("Executor Info.Host", "text"),
        ("Executor Info.Total Cores", "count"),
    ],
    "SparkListenerExecutorRemoved": [("Timestamp", "time"), ("Executor ID", "text")],
    "SparkListenerJobStart": [
        ("Job ID", "count"),
        ("Submission Time", "time"),
        ("Stage Infos", "list"),
        ("Stage Infos.0.Stage ID", "count"),
        ("Stage Infos.0.Stage Name", "text"),
        ("Stage Infos.1.Parent IDs", "ids"),
        ("Properties.spark/job/description", "optional text"),
    ],
    "SparkListenerStageSubmitted": _STAGE,
    "SparkListenerStageCompleted": [
        *_STAGE,
        ("Stage Info.Completion Time", "time"),
        ("Stage Info.Failure Reason", "optional text"),
    ],
    "SparkListenerJobEnd": [
        ("Job ID", "count"),
        ("Completion Time", "time"),
        ("Job Result", "object"),
        ("Job Result.Result", "text"),
    ],
    "EnelTaskDigest": [
        ("Stage ID", "count"),
        ("Stage Attempt ID", "count"),
        *[(name, "time") for name in ("Total Time", "Median Time", "Max Time")],
        ("Count", "count"),
    ],
    "EnelScaleAccepted": [
        ("Executors", "count"),
        ("Try Number", "count"),
        ("Epoch", "count"),
        ("Timestamp", "time"),
    ],
    "EnelExecutorDraining": [("Executor ID", "text"), ("Timestamp", "time")],
}
"""The fields that the reducer reads of each event, with their kinds; / stands for a dot."""


def healthy() -> list[Event]:
    """Three finished components and a running one on four executors, one of them draining."""
    events: list[Event] = [
        {
            "Event": "SparkListenerApplicationStart",
            "App Name": "job",
            "App ID": "app-1",
            "Timestamp": 1000,
        },
        {
            "Event": "SparkListenerEnvironmentUpdate",
            "Spark Properties": {"spark.enel.initialExecutors": "4"},
        },
    ]
    events += [
        {
            "Event": "SparkListenerExecutorAdded",
            "Timestamp": 2000 + n,
            "Executor ID": str(n),
            "Executor Info": {"Host": "host", "Total Cores": 1},
        }
        for n in range(4)
    ]
    for job_id in range(3):
        events += _job(job_id)
        if job_id < 2:
            events.append(_accepted(job_id + 1))
    events += [
        {"Event": "EnelExecutorDraining", "Timestamp": 50_000, "Executor ID": "3"},
        {
            "Event": "SparkListenerExecutorRemoved",
            "Timestamp": 51_000,
            "Executor ID": "3",
            "Removed Reason": "decommissioned",
        },
    ]
    return [*events, _job(3)[0]]


def page(events: list[Event], first: int = 1, **changes: Any) -> Page:
    """The answer that carries these events, the first of which has a number."""
    return {
        "protocol": 1,
        "app_id": "app-1",
        "now_ms": 60_000,
        "first": 1,
        "last": first + len(events) - 1,
        "more": False,
        "ended": False,
        "events": [{"seq": first + n, "event": event} for n, event in enumerate(events)],
        **changes,
    }


def written(value: Any) -> bytes:
    """JSON as the agent writes it; NaN and infinity stay as they are."""
    return json.dumps(value).encode()


def _job(job_id: int) -> list[Event]:
    at = 10_000 * (job_id + 1)
    infos = [
        {
            "Stage ID": 2 * job_id + n,
            "Stage Attempt ID": 0,
            "Stage Name": f"sum at job.py:{n}",
            "Number of Tasks": 4,
            "Parent IDs": [2 * job_id] if n else [],
        }
        for n in range(2)
    ]
    events: list[Event] = [
        {
            "Event": "SparkListenerJobStart",
            "Job ID": job_id,
            "Submission Time": at,
            "Stage Infos": infos,
            "Properties": {"spark.job.description": "an iteration"},
        }
    ]
    for info in infos:
        done = {**info, "Submission Time": at, "Completion Time": at + 900, "Accumulables": []}
        place = {"Stage ID": info["Stage ID"], "Stage Attempt ID": 0}
        times = {"Total Time": 400, "Median Time": 100, "Max Time": 110}
        events += [
            {"Event": "SparkListenerStageSubmitted", "Stage Info": {**info, "Submission Time": at}},
            {"Event": "SparkListenerStageCompleted", "Stage Info": done},
            {"Event": "EnelTaskDigest", **place, "Count": 4, **times},
        ]
    end = {"Job ID": job_id, "Completion Time": at + 950, "Job Result": {"Result": "JobSucceeded"}}
    return [*events, {"Event": "SparkListenerJobEnd", **end}]


def _accepted(epoch: int) -> Event:
    return {
        "Event": "EnelScaleAccepted",
        "Timestamp": 10_000 * epoch + 2000,
        "Executors": 4,
        "Try Number": 1,
        "Epoch": epoch,
    }
