"""Counts tasks that failed on executors which were alive or released, from an event log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

_ENDS: Final = ("SparkListenerTaskEnd", "SparkListenerExecutorRemoved")
_KILLED: Final = "137"
"""Exit code of a process that was killed, in Spark's words for why an executor went."""


def failed_tasks(lines: Iterable[str]) -> int:
    """Failed tasks of an application, without those of executors that were killed.

    :param lines: of an event log
    """
    failed: list[str] = []
    killed: set[str] = set()
    for line in lines:
        if not any(kind in line for kind in _ENDS):
            continue
        event = json.loads(line)
        if event["Event"] == "SparkListenerTaskEnd":
            if event["Task End Reason"]["Reason"] != "Success":
                failed.append(event["Task Info"]["Executor ID"])
        elif (
            event["Event"] == "SparkListenerExecutorRemoved" and _KILLED in event["Removed Reason"]
        ):
            killed.add(event["Executor ID"])
    return sum(executor not in killed for executor in failed)
