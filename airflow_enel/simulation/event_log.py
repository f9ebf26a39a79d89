"""Writes simulated runs as Spark event logs, which ``airflow enel import-history`` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airflow_enel.simulation.spark_events import Event


def write_event_log(path: Path, events: Iterable[Event]) -> None:
    """Write an event log as one plain file; its folder is made if it is not there.

    In place of an event for every task it has the agent's digests, and it has the agent's other
    events as well, which Spark's history server passes over.

    :raises OSError: if it cannot be written
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for event in events:
            file.write(json.dumps(event, separators=(",", ":")) + "\n")
