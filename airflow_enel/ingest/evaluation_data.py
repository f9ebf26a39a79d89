"""Runs to evaluate forecasters on: from trace files, Spark event logs or the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from airflow_enel.domain import PastRun, RunState
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.ingest.read_runs import ReadRun, RunReader, Wanted
from airflow_enel.predict.evaluation import Series
from airflow_enel.spark.eventlog import UnusableLog, find_logs
from airflow_enel.spark.traces import (
    COLUMNS,
    PUBLISHED_FAILURES,
    Trace,
    UnusableTrace,
    is_trace,
    read_trace,
)

MOST_RUNS: Final = 10_000
PUBLISHED_RUNS: Final = 65
"""Runs of every job of the published traces: which of them had failures is known."""

NEITHER: Final = (
    f"neither a Spark event log nor a trace file, whose first line is {'|'.join(COLUMNS)}"
)

Note = Callable[[str], None]
"""Is told, in a line, what is left out and why."""


def from_paths(
    paths: Sequence[Path], failures: Sequence[range] | None, note: Note, *, stages: bool = False
) -> tuple[Series, ...]:
    """Read trace files and event logs, and folders of them.

    Event logs are grouped by the name of their application. What cannot be used in a folder is
    noted and left out.

    :param failures: runs of each trace in which executors failed; None for those of the
        published protocol where a job has as many runs as that, which is noted, and else for none
    :param stages: whether components keep their stages, which take most of the memory
    :raises SystemExit: if a file that was named itself cannot be used
    """
    gathered = _Gathered(failures, stages=stages)
    read: set[Path] = set()
    for path in paths:
        for file in _files(path):
            if file in read:
                continue
            read.add(file)
            fault = gathered.add(file)
            if fault is not None and file == path:
                raise SystemExit(f"{file}: {fault}")
            if fault is not None:
                note(f"left out: {file}: {fault}")
    if gathered.published:
        note(
            f"{', '.join(gathered.published)}: runs {_spans(PUBLISHED_FAILURES)} count as runs "
            f"with failures, as in the published traces of {PUBLISHED_RUNS} runs; "
            "--failures none if none of them had any, or --failures RUNS"
        )
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
        self.published: list[str] = []
        self.logs = _EventLogs(stages=stages)
        self._failures = failures

    def add(self, file: Path) -> str | None:
        """Read a file; return why it cannot be used, None if it can."""
        try:
            if not is_trace(file):
                self.logs.add(file)
                return None
            found = self._read(file)
        except (UnusableTrace, UnusableLog) as error:
            return _fault(error)
        for trace in found:
            known = {series.job for series in self.traces}
            names = (trace.job, f"{trace.job} ({file.name})", f"{trace.job} ({file})")
            job = next(name for name in names if name not in known or name == names[-1])
            self.traces.append(Series(job, trace.runs, trace.failed))
            if self._failures is None and trace.failed:
                self.published.append(job)
        return None

    def _read(self, file: Path) -> tuple[Trace, ...]:
        """By default, only a job that looks like one of the published protocol has failures."""
        if self._failures is not None:
            return read_trace(file, self._failures)
        healthy = read_trace(file, None)
        if all(len(trace.runs) != PUBLISHED_RUNS for trace in healthy):
            return healthy
        return tuple(
            failing if len(failing.runs) == PUBLISHED_RUNS else trace
            for trace, failing in zip(healthy, read_trace(file, PUBLISHED_FAILURES), strict=True)
        )


def _fault(error: UnusableTrace | UnusableLog) -> str:
    """What is wrong with a file that might have been either."""
    text = str(error)
    if isinstance(error.__context__, UnicodeDecodeError):
        return "not UTF-8, as a trace file must be"
    if text == "not a Spark event log" or text.startswith("its first line must be"):
        return NEITHER
    return text


def _spans(numbers: Sequence[range]) -> str:
    return ",".join(f"{span[0]}-{span[-1]}" for span in numbers)


class _EventLogs:
    """Reads event logs just as an import does, but keeps their runs in memory."""

    def __init__(self, *, stages: bool) -> None:
        self._reader = RunReader(Wanted("evaluate"), {})
        self._stages = stages
        self._runs: dict[str, list[PastRun]] = {}
        self._failed: set[str] = set()

    def add(self, log: Path) -> None:
        """Read a log.

        :raises UnusableLog: if nothing can be learned from it
        """
        line, found = self._reader.read(log)
        if found is None:
            raise UnusableLog(line.reason or line.result.value)
        self._reader.remember(found)
        if found.outcome.state is not RunState.SUCCEEDED or not found.outcome.complete:
            raise UnusableLog(line.reason or "the application failed")
        if not found.outcome.runtime_s:
            raise UnusableLog("the application took no time")
        self._keep(found)

    def _keep(self, found: ReadRun) -> None:
        run = found.past
        if not self._stages:
            run = replace(run, components=tuple(replace(c, stages=()) for c in run.components))
        self._runs.setdefault(found.run.job_key, []).append(run)
        if found.outcome.executors_lost:
            self._failed.add(run.run_id)

    def series(self) -> tuple[Series, ...]:
        """The runs by the names of their applications."""
        return tuple(
            Series(job, tuple(runs), frozenset(self._failed))
            for job, runs in sorted(self._runs.items())
        )
