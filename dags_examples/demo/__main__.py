"""Run the demo DAG several times, watch it, and print what the metadata DB remembers of it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import defaultdict
from math import ceil
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState
from airflow_enel.history.interface import HistoryError, RunRow
from airflow_enel.history.sql.repository import SqlHistory
from dags_examples.demo.airflow_home import AirflowHome, DemoError
from dags_examples.demo.decision_table import FinishedRun, Happened, decision_table
from dags_examples.demo.incidents import Incident, double_the_input, kill_an_executor
from dags_examples.demo.task_log import WIDTH, TaskLog

DAG_ID: Final = "enel_demo"
RUNS: Final = 5
TARGET_FACTOR: Final = 1.7
"""Times as long as the first run, on the largest number of executors, a run may take."""

SLOW_S: Final = 4.5 * 60
"""After which the last run is left out, on a machine that is busy."""

TIME_LIMIT_S: Final = 15 * 60


class Demo:
    """Follows the runs of the demo DAG through the metadata DB and the task's log."""

    def __init__(self, home: AirflowHome, console: Console) -> None:
        self._home = home
        self._console = console
        self._history = SqlHistory(sessionmaker(create_engine(home.database)).begin)
        self._logs: dict[str, TaskLog] = {}
        self._target_is_set = False
        self._late_input = home.path / "late-input"
        double = double_the_input(self._late_input)
        self._ahead = [
            Incident(2, 1, "the input doubles", double),
            Incident(4, 3, "kill -9 of an executor", kill_an_executor),
        ]
        self._happened: defaultdict[str, list[Happened]] = defaultdict(list)

    def run(self) -> tuple[FinishedRun, ...]:
        """Let the DAG run until there are enough runs; return them, oldest first."""
        self._home.pause(DAG_ID, paused=False)
        began = time.monotonic()
        while (since_s := time.monotonic() - began) < TIME_LIMIT_S:
            runs = self._runs()
            wanted = RUNS - 1 if since_s > SLOW_S and len(runs) < RUNS else RUNS
            for number, row in enumerate(runs, start=1):
                self._show(number, row)
            ended = sum(row.state is not RunState.SUBMITTED for row in runs)
            if ended and not self._target_is_set:
                self._set_target(runs[0])
            if len(runs) >= wanted:
                self._home.pause(DAG_ID, paused=True)
            if ended >= wanted:
                return tuple(self._finished(row) for row in runs)
            time.sleep(0.5)
        raise DemoError(f"The runs took too long; see {self._home.log}")

    def _runs(self) -> tuple[RunRow, ...]:
        """What the metadata DB knows of the demo's runs, oldest first."""
        try:
            return tuple(reversed(self._history.runs(dag_id=DAG_ID)))
        except HistoryError:  # SQLite is locked for a moment
            return ()

    def _finished(self, row: RunRow) -> FinishedRun:
        return FinishedRun(row, self._history.decisions(row.id), tuple(self._happened[row.id]))

    def _show(self, number: int, row: RunRow) -> None:
        log = self._logs.get(row.id)
        if log is None:
            if row.state is not RunState.SUBMITTED:
                return
            self._late_input.unlink(missing_ok=True)
            target_s = row.run.runtime_target_s
            self._console.print(f"\n[bold]Run {number} of {RUNS}[/bold], target {target_s:.0f} s")
            log = self._logs[row.id] = TaskLog(self._home.path / "logs", row.run.key)
        for line in log.new_lines():
            self._console.print(line, markup=False, highlight=False)
        if row.state is RunState.SUBMITTED:
            for incident in [i for i in self._ahead if i.run == number]:
                self._cause(incident, row)

    def _set_target(self, first: RunRow) -> None:
        """Let runs from now on take somewhat longer than the first one took here."""
        self._target_is_set = True
        if first.outcome is None or first.outcome.runtime_s is None:
            return
        target_s = 5 * ceil(TARGET_FACTOR * first.outcome.runtime_s / 5)
        self._home.set_variable("enel_demo_target_s", str(target_s))
        self._console.print(
            f"\nIt took {first.outcome.runtime_s:.0f} s with the most executors that are allowed. "
            f"From now on a run may take {target_s} s."
        )

    def _cause(self, incident: Incident, row: RunRow) -> None:
        """Let an incident happen, once it is due."""
        if self._components(row) < incident.after_components:
            return
        if incident.cause(self._home.work_dir / row.id):
            self._ahead.remove(incident)
            self._happened[row.id].append(Happened(time.time(), incident.text))
            self._console.print(f"  [bold red]{incident.text}[/bold red]")

    def _components(self, row: RunRow) -> int:
        try:
            return len(self._history.components(row.id))
        except HistoryError:  # as above
            return 0


def main() -> int:
    """Start, show, stop; also when interrupted."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave Airflow running")
    keep = parser.parse_args().keep
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: shells make background jobs deaf
        signal.signal(number, signal.default_int_handler)

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    root = Path.cwd()
    home = AirflowHome(root / ".demo", root / "dags_examples")
    kept = False
    try:
        console.print("Starting Airflow (about 40 s) …")
        home.start()
        console.print(f"Airflow is up at {home.url}")
        runs = Demo(home, console).run()
        console.print()
        console.print(decision_table(runs))
        console.print(
            f"More of run 2: AIRFLOW_HOME={home.path} {Path(sys.executable).parent}/airflow enel "
            f"explain {runs[1].row.id[:8]}",
            soft_wrap=True,
        )
        if keep:
            kept = True
            console.print(f"Airflow goes on at {home.url}; stop it with: kill -INT {home.pid}")
        return 0 if all(run.row.state is RunState.SUCCEEDED for run in runs) else 1
    except DemoError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("\nInterrupted.")
        return 130
    finally:
        if not kept:
            console.print("Stopping Airflow …")
            home.stop()


if __name__ == "__main__":
    sys.exit(main())
