"""What a command of ``airflow enel`` printed, and event logs for it to read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.builders.spark_events import Event, simple_run


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended: 0, or the message with which it exited.

    :ivar notes: what it printed beside its output
    """

    out: str
    error: str | int
    notes: str = ""

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Enel = Callable[..., Said]


def log(folder: Path, app_id: str = "app-1", events: list[Event] | None = None) -> Path:
    events = simple_run() if events is None else events
    events = [e | {"App ID": app_id} if "App ID" in e else e for e in events]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / app_id
    path.write_text("".join(json.dumps(e) + "\n" for e in events))
    return path
