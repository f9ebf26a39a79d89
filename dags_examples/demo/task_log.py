"""Follows the log of a task, and shows what the operator says of its run."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from airflow_enel.domain import RunKey

WIDTH: Final = 100
_OPERATOR: Final = "EnelSparkOperator"
_LEFT_OUT: Final = ("Forecasting by the prior", "No connection", "More of it")
"""True of every run here, and of no use to somebody who looks for the first time."""


class TaskLog:
    """Follows the log of a task, and keeps to the lines of the operator itself."""

    def __init__(self, logs: Path, key: RunKey) -> None:
        self._path = (
            logs
            / f"dag_id={key.dag_id}"
            / f"run_id={key.run_id}"
            / f"task_id={key.task_id}"
            / f"attempt={key.submit_try}.log"
        )
        self._read = 0

    def new_lines(self) -> Iterator[str]:
        """Lines since the last call, long ones wrapped."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                chunk = file.read()
        except FileNotFoundError:
            return
        complete = chunk[: chunk.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            entry = json.loads(line)
            said = str(entry.get("event", ""))
            if str(entry.get("logger", "")).endswith(_OPERATOR) and not said.startswith(_LEFT_OUT):
                yield from textwrap.wrap(
                    said, WIDTH, initial_indent="  ", subsequent_indent="      "
                )
