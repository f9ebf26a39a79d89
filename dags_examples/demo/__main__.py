"""Run the demo DAG several times, watch it, and print what the metadata DB remembers of it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState
from airflow_enel.history.interface import HistoryError, RunRow
from airflow_enel.history.sql.repository import SqlHistory
from dags_examples.demo.airflow_home import AirflowHome, DemoError
from dags_examples.demo.show import TaskLog, kill_an_executor, run_table

DAG_ID: Final = "enel_demo"
RUNS: Final = 6
RUN_WITH_FAILURE: Final = 5
KILL_AFTER_COMPONENTS: Final = 3
TIME_LIMIT_S: Final = 15 * 60


class Demo:
    """Follows the runs of the demo DAG through the metadata DB and the task's log."""

    def __init__(self, home: AirflowHome, console: Console) -> None:
        self._home = home
        self._console = console
        self._history = SqlHistory(sessionmaker(create_engine(home.database)).begin)
        self._logs: dict[str, TaskLog] = {}
        self._killed = False

    def run(self) -> tuple[RunRow, ...]:
        """Let the DAG run until there are enough runs; return them, oldest first."""
        self._home.pause(DAG_ID, paused=False)
        deadline = time.monotonic() + TIME_LIMIT_S
        while time.monotonic() < deadline:
            runs = self.runs()
            for number, row in enumerate(runs, start=1):
                self._show(number, row)
            ended = sum(row.state is not RunState.SUBMITTED for row in runs)
            if len(runs) >= RUNS:
                self._home.pause(DAG_ID, paused=True)
            if ended >= RUNS:
                return runs
            time.sleep(0.5)
        raise DemoError(f"The runs took too long; see {self._home.log}")

    def runs(self) -> tuple[RunRow, ...]:
        """What the metadata DB knows of the demo's runs, oldest first."""
        try:
            return tuple(reversed(self._history.runs(dag_id=DAG_ID)))
        except HistoryError:  # SQLite is locked for a moment
            return ()

    def _show(self, number: int, row: RunRow) -> None:
        log = self._logs.get(row.id)
        if log is None:
            if row.state is not RunState.SUBMITTED:
                return
            target_s = row.run.runtime_target_s
            self._console.print(f"\n[bold]Run {number} of {RUNS}[/bold], target {target_s:.0f} s")
            log = self._logs[row.id] = TaskLog(self._home.path / "logs", row.run.key)
        for line in log.new_lines():
            self._console.print(f"  {line}", markup=False, highlight=False)
        if number == RUN_WITH_FAILURE and not self._killed and self._has_begun_well(row):
            self._killed = kill_an_executor(self._home.work_dir / row.id)
            if self._killed:
                self._console.print("  [red]kill -9 of an executor, to see what happens[/red]")

    def _has_begun_well(self, row: RunRow) -> bool:
        try:
            return len(self._history.components(row.id)) >= KILL_AFTER_COMPONENTS
        except HistoryError:  # as above
            return False


def main() -> int:
    """Start, show, stop; also when interrupted."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave Airflow running")
    keep = parser.parse_args().keep
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: shells make background jobs deaf
        signal.signal(number, signal.default_int_handler)

    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 110)
    root = Path.cwd()
    home = AirflowHome(root / ".demo", root / "dags_examples")
    kept = False
    try:
        console.print("Starting Airflow (about 40 s) …")
        home.start()
        console.print(f"Airflow is up at {home.url}")
        runs = Demo(home, console).run()
        console.print(run_table(runs, RUN_WITH_FAILURE))
        if keep:
            kept = True
            console.print(f"Airflow goes on at {home.url}; stop it with: kill -INT {home.pid}")
        return 0 if all(row.state is RunState.SUCCEEDED for row in runs) else 1
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
