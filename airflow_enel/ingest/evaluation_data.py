"""Runs to evaluate forecasters on: from trace files, Spark event logs or the history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_enel.domain import JobRuns
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.ingest.attempts import Attempts, find_attempts
from airflow_enel.ingest.files import LeftOut, find_files
from airflow_enel.ingest.read_runs import Wanted
from airflow_enel.ingest.recorded_runs import RecordedLogs
from airflow_enel.spark.eventlog import UnusableLog
from airflow_enel.spark.file_format import FileKind, UnreadableFile, kind_of
from airflow_enel.spark.traces import (
    COLUMNS,
    PUBLISHED_FAILURES,
    Trace,
    UnusableTrace,
    read_trace,
)

MOST_RUNS: Final = 10_000
PUBLISHED_RUNS: Final = 65
"""Runs of every job of the published traces: which of them had failures is known."""

NEITHER: Final = (
    f"neither a Spark event log nor a trace file, whose first line is {'|'.join(COLUMNS)}"
)


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """What was read from files.

    :param left_out: files, and traces of which some runs could not be used
    :param published: jobs whose failures were taken from the published protocol
    """

    series: tuple[JobRuns, ...]
    left_out: tuple[LeftOut, ...]
    published: tuple[str, ...]


def from_paths(
    paths: Sequence[Path], failures: Sequence[range] | None, *, stages: bool = False
) -> EvaluationData:
    """Read trace files and event logs, and folders of them.

    Event logs are grouped by the name of their application. What cannot be used is left out.

    :param failures: runs of each trace in which executors failed; None for those of the
        published protocol where a job has as many runs as that, and else for none
    :param stages: whether components keep their stages, which take most of the memory
    """
    found, missing = find_files(paths)
    files, attempts = find_attempts(found)
    gathered = _Gathered(failures, attempts, stages=stages)
    for file in files:
        gathered.add(file)
    return EvaluationData(
        (*gathered.traces, *gathered.series_of_logs()),
        (*missing, *gathered.left_out),
        tuple(gathered.published),
    )


def from_history(dag_id: str, job_key: str | None, *, stages: bool = False) -> tuple[JobRuns, ...]:
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
        found.append(JobRuns(job, runs, frozenset(r.run_id for r in runs if r.run_id in lost)))
    return tuple(found)


class _Gathered:
    """What was read so far."""

    def __init__(
        self, failures: Sequence[range] | None, attempts: Attempts, *, stages: bool
    ) -> None:
        self.traces: list[JobRuns] = []
        self.published: list[str] = []
        self.left_out: list[LeftOut] = []
        self.logs = RecordedLogs(Wanted("evaluate"), attempts, stages=stages)
        self._failures = failures

    def add(self, file: Path) -> None:
        """Read a file, or note why it cannot be used."""
        try:
            kind = FileKind.EVENT_LOG if file.is_dir() else kind_of(file)
            if kind is FileKind.TABLE:
                self._add_traces(file, self._read(file))
            elif kind is FileKind.OTHER:
                self.left_out.append(LeftOut(file, NEITHER))
            else:
                self.logs.add(file)
        except (UnreadableFile, UnusableTrace, UnusableLog) as error:
            self.left_out.append(LeftOut(file, str(error)))

    def series_of_logs(self) -> Iterator[JobRuns]:
        """The runs of event logs by the names of their applications."""
        for job, runs in sorted(self.logs.runs.items()):
            lost = frozenset(run.run.key.id for run in runs if run.outcome.executors_lost)
            yield JobRuns(job, tuple(run.past for run in runs), lost)

    def _add_traces(self, file: Path, found: Iterable[Trace]) -> None:
        for trace in found:
            known = {series.job for series in self.traces}
            names = (trace.job, f"{trace.job} ({file.name})", f"{trace.job} ({file})")
            job = next(name for name in names if name not in known or name == names[-1])
            if trace.left_out:
                faults = f"{len(trace.left_out)} of {trace.all_runs} runs of {job}"
                self.left_out.append(LeftOut(file, f"{faults}, first {trace.left_out[0]}"))
            self.traces.append(JobRuns(job, trace.runs, trace.failed))
            if self._failures is None and trace.failed:
                self.published.append(job)

    def _read(self, file: Path) -> tuple[Trace, ...]:
        """By default, only a job that looks like one of the published protocol has failures."""
        if self._failures is not None:
            return read_trace(file, self._failures)
        healthy = read_trace(file, None)
        if all(trace.all_runs != PUBLISHED_RUNS for trace in healthy):
            return healthy
        return tuple(
            failing if failing.all_runs == PUBLISHED_RUNS else trace
            for trace, failing in zip(healthy, read_trace(file, PUBLISHED_FAILURES), strict=True)
        )
