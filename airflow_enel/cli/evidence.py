"""Runs to evaluate forecasters on: from trace files, Spark event logs or the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from airflow_enel.cli.importing import Importer, Result, Wanted
from airflow_enel.domain import Component, PastRun, Run, RunOutcome, RunState
from airflow_enel.history import mapping
from airflow_enel.history.base import History
from airflow_enel.history.repository import SqlHistory
from airflow_enel.predict.evaluation import Series
from airflow_enel.spark.eventlog import UnusableLog, find_logs
from airflow_enel.spark.traces import PUBLISHED_FAILURES, UnusableTrace, is_trace, read_trace

MOST_RUNS: Final = 10_000

Note = Callable[[str], None]
"""Is told, in a line, what is left out and why."""


def from_paths(
    paths: Sequence[Path], failures: Sequence[range] | None, note: Note, *, stages: bool = False
) -> tuple[Series, ...]:
    """Read trace files and event logs, and folders of them.

    Event logs are grouped by the name of their application. What cannot be used in a folder is
    noted and left out.

    :param failures: runs of each trace in which executors failed; None for those of the
        published protocol
    :param stages: whether components keep their stages, which take most of the memory
    :raises SystemExit: if a file that was named itself cannot be used
    """
    gathered = _Gathered(failures, stages=stages)
    for path in dict.fromkeys(paths):
        for file in _files(path):
            fault = gathered.add(file)
            if fault is not None and file == path:
                raise SystemExit(f"{file}: {fault}")
            if fault is not None:
                note(f"left out: {file}: {fault}")
    return (*gathered.traces, *gathered.logs.series())


def from_history(dag_id: str, job_key: str | None, *, stages: bool = False) -> tuple[Series, ...]:
    """Read the runs of one recurring job of a DAG, or of all.

    :param stages: whether components come with their stages
    :raises HistoryError: if the metadata DB is away
    """
    history = SqlHistory()
    rows = history.runs(dag_id, job_key, MOST_RUNS)
    lost = {row.id for row in rows if row.outcome is not None and row.outcome.executors_lost}
    found = []
    for job in sorted({row.run.job_key for row in rows}):
        runs = history.past_runs(dag_id, job, MOST_RUNS, stages=stages)
        found.append(Series(job, runs, frozenset(r.run_id for r in runs if r.run_id in lost)))
    return tuple(found)


def _files(path: Path) -> tuple[Path, ...]:
    try:
        found = find_logs(path)
    except UnusableLog as error:
        raise SystemExit(f"{path}: {error}") from None
    if not found:
        raise SystemExit(f"{path}: no trace files or event logs in this folder")
    return found


class _Gathered:
    """What was read so far."""

    def __init__(self, failures: Sequence[range] | None, *, stages: bool) -> None:
        self.traces: list[Series] = []
        self.logs = _EventLogs(stages=stages)
        self._failures = PUBLISHED_FAILURES if failures is None else failures

    def add(self, file: Path) -> str | None:
        """Read a file; return why it cannot be used, None if it can."""
        try:
            if not is_trace(file):
                self.logs.add(file)
                return None
            found = read_trace(file, self._failures)
        except (UnusableTrace, UnusableLog) as error:
            return str(error)
        known = {series.job for series in self.traces}
        self.traces += [
            Series(t.job if t.job not in known else f"{t.job} ({file.name})", t.runs, t.failed)
            for t in found
        ]
        return None


class _EventLogs:
    """Reads event logs just as an import does, but keeps them in memory."""

    def __init__(self, *, stages: bool) -> None:
        self._memory = _Memory(stages=stages)
        self._importer = Importer(Wanted("evaluate"), {}, cast(History, self._memory))

    def add(self, log: Path) -> None:
        """Read a log.

        :raises UnusableLog: if nothing can be learned from it
        """
        line = self._importer.add(log)
        if line.result is not Result.IMPORTED:
            raise UnusableLog(line.reason or line.result.value)
        outcome = self._memory.outcome
        if outcome is None or outcome.state is not RunState.SUCCEEDED or not outcome.complete:
            raise UnusableLog(line.reason or "the application failed")
        if not outcome.runtime_s:
            raise UnusableLog("the application took no time")
        self._memory.keep(outcome)

    def series(self) -> tuple[Series, ...]:
        """The runs by the names of their applications."""
        kept = self._memory.kept
        return tuple(
            Series(job, tuple(runs), frozenset(self._memory.failed))
            for job, runs in sorted(kept.items())
        )


class _Memory:
    """As much of a `History` as an import writes to: the run that is being imported."""

    def __init__(self, *, stages: bool) -> None:
        self._stages = stages
        self.outcome: RunOutcome | None = None
        self.kept: dict[str, list[PastRun]] = {}
        self.failed: set[str] = set()
        self._run: Run
        self._components: list[Component] = []

    def open_run(self, run: Run, agent_token: str | None) -> None:  # noqa: ARG002 - as History
        self._run, self._components, self.outcome = run, [], None

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:  # noqa: ARG002
        self._components += [c if self._stages else replace(c, stages=()) for c in components]

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:  # noqa: ARG002
        self.outcome = outcome

    def keep(self, outcome: RunOutcome) -> None:
        """Keep the run that was imported last, as the history would give it back."""
        record = mapping.run_record(self._run, 0)
        for name, value in mapping.outcome_values(outcome).items():
            setattr(record, name, value)
        run = mapping.past_run(record, tuple(self._components))
        self.kept.setdefault(self._run.job_key, []).append(run)
        if outcome.executors_lost:
            self.failed.add(run.run_id)
