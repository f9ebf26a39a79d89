# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""One try of a task that may be killed, and the application that it submits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from airflow_enel.domain import RunKey, Snapshot
from airflow_enel.spark.agent_client import AgentClient
from airflow_enel.spark.agent_reader import AgentReader
from tests.support.airflow.scratch import HOST, TaskStore
from tests.support.processes.spark import SMALL_EXECUTORS

COMPONENTS = 7
_ITERATIVE = Path(__file__).parents[3] / "dags_examples" / "jobs" / "iterative.py"
_OPTIONS = ("--iterations", str(COMPONENTS - 1), "--tasks", "4", "--task-seconds", "0.4")
_APPLICATION = """
import os, runpy, sys
marks, code, script = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def mark(*words):
    with open(marks, "a") as file:
        file.write(" ".join(map(str, words)) + "\\n")
with open(marks, "a+") as file:
    file.seek(0)
    lines = [line.split() for line in file]
ended = {line[1] for line in lines if line[0] == "end"}
begun = {line[1] for line in lines if line[0] == "begin"}
beside = sum(os.path.exists("/proc/" + pid) for pid in begun - ended)
mark("begin", os.getpid(), beside)
sys.argv = [script, *sys.argv[4:]]
runpy.run_path(script, run_name="__main__")
mark("end", os.getpid(), code)
sys.exit(code)
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try.

    :param key: of the run that it would submit
    :param port: of the API server
    :param exit_code: of the application
    """

    key: RunKey
    port: int
    exit_code: int

    def make(self, place: Path, result: Path, polls: Path) -> None:
        """Do what a worker does for a try, with the database out of its reach.

        :param place: a folder of the task
        :param result: a file that takes "success" or the error
        :param polls: a file that takes how many readings it took until the agent answered
        """
        from airflow.providers.common.compat.sdk import AirflowException

        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "airflow-db-not-allowed:///"
        os.environ["AIRFLOW__ENEL__API_URL"] = f"http://{HOST}:{self.port}"
        _count_polls(polls)
        try:
            self._operator(place).run_task(self._context()).run()
        except AirflowException as error:
            result.write_text(str(error).splitlines()[0])
        else:
            result.write_text("success")

    def _context(self) -> Any:
        from airflow_enel.history.http.capability import TaskIdentity

        key = self.key
        task = TaskIdentity(key.dag_id, key.run_id, key.task_id, key.map_index, key.submit_try)
        ti = SimpleNamespace(
            dag_id=task.dag_id,
            run_id=task.run_id,
            task_id=task.task_id,
            map_index=task.map_index,
            try_number=task.try_number,
            max_tries=task.try_number,
        )
        return {"ti": ti, "task_state_store": TaskStore(self.port, task)}

    def _operator(self, place: Path) -> Any:
        from airflow_enel.operators.spark import EnelSparkOperator

        application = place / "application.py"
        application.write_text(_APPLICATION)
        marks = [str(_marks(place)), str(self.exit_code)]
        operator = cast("Any", EnelSparkOperator)  # Airflow's base class is not typed
        return operator(
            task_id=self.key.task_id,
            application=str(application),
            application_args=[*marks, str(_ITERATIVE), *_OPTIONS],
            executor_memory="512m",
            conf=SMALL_EXECUTORS,
            policy="ellis",
            runtime_target=10.0,
            max_executors=2,
        )


def _count_polls(file: Path) -> None:
    read, polls = AgentReader.read, 0

    def counted(self: AgentReader, client: AgentClient) -> Snapshot:
        nonlocal polls
        polls += 1
        snapshot = read(self, client)
        if not file.exists():
            file.write_text(str(polls))
        return snapshot

    AgentReader.read = counted  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Mark:
    """What an application has said of itself.

    :param number: at its beginning, how many others of the task live; at its end, its exit code
    """

    what: str
    number: int


def read_marks(place: Path) -> list[Mark]:
    """What the applications of a task have said, in that order."""
    with suppress(FileNotFoundError):
        lines = _marks(place).read_text().splitlines()
        return [Mark(what, int(number)) for what, _, number in map(str.split, lines)]
    return []


def double_submits(marks: Iterable[Mark]) -> int:
    """Applications that have begun beside a living one, or after one had succeeded."""
    double, succeeded = 0, False
    for mark in marks:
        if mark.what == "begin":
            double += succeeded or mark.number > 0
        else:
            succeeded = succeeded or mark.number == 0
    return double


def wrong(result: str, marks: Sequence[Mark]) -> str:
    """What is wrong with a task's result, empty if it is the last application's."""
    codes = [mark.number for mark in marks if mark.what == "end"]
    if not codes:
        return f"no application came to its end: {result}"
    expected = "success" if codes[-1] == 0 else f"exit code {codes[-1]}"
    return "" if expected in result else f"{result} instead of {expected}"


def _marks(place: Path) -> Path:
    return place / "marks"
