"""What the demo shows: lines of the task's log, and a table of runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import psutil
from rich.table import Table

from airflow_enel.domain import RunKey
from airflow_enel.history.interface import RunRow

_OPERATOR: Final = "EnelSparkOperator"


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
        """Lines since the last call."""
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
            if str(entry.get("logger", "")).endswith(_OPERATOR):
                yield str(entry["event"])


def kill_an_executor(folder: Path) -> bool:
    """Kill -9 one executor of the driver that runs in a folder; False if there is none."""
    try:
        supervisor = psutil.Process(int((folder / "pid").read_text()))
        for process in supervisor.children(recursive=True):
            if _is_executor(process):
                process.kill()
                return True
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return False


def _is_executor(process: psutil.Process) -> bool:
    try:
        return any("ExecutorBackend" in part for part in process.cmdline())
    except psutil.Error:  # it has ended, perhaps nobody has noticed yet
        return False


def run_table(runs: Sequence[RunRow], failure_in: int) -> Table:
    """The runs as the metadata DB remembers them, oldest first."""
    table = Table(title="What the Airflow metadata DB remembers", title_justify="left")
    for heading in ("run", "target", "executors at start", "rescales", "runtime"):
        table.add_column(heading, justify="right")
    table.add_column("executor-seconds", justify="right")
    table.add_column("result")
    for number, row in enumerate(runs, start=1):
        outcome = row.outcome
        runtime_s = outcome.runtime_s if outcome else None
        table.add_row(
            f"{number}{' (executor killed)' if number == failure_in else ''}",
            _seconds(row.run.runtime_target_s),
            str(row.run.initial_executors),
            str(row.rescales),
            _seconds(runtime_s),
            f"{outcome.executor_seconds:.0f}" if outcome else "",
            _verdict(row),
        )
    return table


def _verdict(row: RunRow) -> str:
    violation_s = row.outcome.violation_s if row.outcome else None
    if violation_s is None:
        return row.state.value
    if violation_s == 0:
        return "[green]met[/green]"
    return f"[red]missed by {f'{violation_s:.0f}' if violation_s >= 1 else 'less than 1'} s[/red]"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} s"
