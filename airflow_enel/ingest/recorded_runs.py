"""Reads the runs of recurring jobs with their outcomes, from the history or from event logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from airflow_enel.domain import Component, RecordedRun, RunState
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.ingest.attempts import Attempts, find_attempts
from airflow_enel.ingest.files import LeftOut, find_files
from airflow_enel.ingest.read_runs import Result, RunReader, Wanted
from airflow_enel.spark.eventlog import UnusableLog

_MOST_ROWS: Final = 10_000
_ENDS: Final = {
    RunState.FAILED: "the application failed",
    RunState.LOST: "nobody knows whether the application succeeded",
}


@dataclass(frozen=True, slots=True)
class RecordedJobs:
    """Runs that ended well, oldest first, by the keys of their recurring jobs.

    :param left_out: files that could not be used
    """

    jobs: Mapping[str, tuple[RecordedRun, ...]]
    left_out: tuple[LeftOut, ...] = ()


class RecordedLogs:
    """Reads event logs just as an import does, but keeps their runs in memory.

    :param stages: whether components keep their stages, which take most of the memory
    :ivar runs: what was read, by the keys of the recurring jobs
    """

    def __init__(self, wanted: Wanted, attempts: Attempts, *, stages: bool) -> None:
        self._reader = RunReader(wanted, {}, attempts)
        self._stages = stages
        self.runs: dict[str, list[RecordedRun]] = {}

    def add(self, log: Path) -> None:
        """Read a log.

        :raises UnusableLog: if nothing can be learned from it
        """
        line, found = self._reader.read(log)
        if found is None:
            known = line.result is Result.KNOWN
            raise UnusableLog("the same run as in another file" if known else line.reason)
        self._reader.remember(found)
        if found.outcome.state is not RunState.SUCCEEDED or not found.outcome.complete:
            raise UnusableLog(line.reason or _ENDS[found.outcome.state])
        if not found.outcome.runtime_s:
            raise UnusableLog("the application took no time")
        if not self._stages:
            found = replace(found, components=_without_stages(found.components))
        self.runs.setdefault(found.run.job_key, []).append(found)


def recorded_in_logs(paths: Sequence[Path], job_key: str | None) -> RecordedJobs:
    """Read event logs, and folders of them; what cannot be used is left out.

    :param job_key: name of the application whose runs are wanted, None for all
    """
    found, missing = find_files(paths)
    files, attempts = find_attempts(found)
    logs = RecordedLogs(Wanted("replay"), attempts, stages=False)
    unusable = [fault for file in files if (fault := _add(logs, file)) is not None]
    jobs = {
        job: _in_order(runs) for job, runs in sorted(logs.runs.items()) if job_key in (None, job)
    }
    return RecordedJobs(jobs, (*missing, *unusable))


def recorded_in_history(dag_id: str, job_key: str | None, limit: int) -> RecordedJobs:
    """Read the runs of one recurring job of a DAG, or of all.

    :param limit: the latest runs of each, beside those of other sizes, see `History.past_runs`
    :raises HistoryError: if the metadata DB is away
    """
    history = SqlHistory()
    rows = {row.id: row for row in history.runs(dag_id, job_key, _MOST_ROWS)}
    jobs = {}
    for job in sorted({row.run.job_key for row in rows.values()}):
        runs = [
            RecordedRun(rows[past.run_id].run, outcome, past.components, past.requests)
            for past in history.past_runs(dag_id, job, limit)
            if past.run_id in rows and (outcome := rows[past.run_id].outcome) is not None
        ]
        jobs[job] = tuple(runs)
    return RecordedJobs(jobs)


def _add(logs: RecordedLogs, file: Path) -> LeftOut | None:
    try:
        logs.add(file)
    except UnusableLog as error:
        return LeftOut(file, str(error))
    return None


def _in_order(runs: Sequence[RecordedRun]) -> tuple[RecordedRun, ...]:
    return tuple(sorted(runs, key=lambda run: (run.outcome.started_at or 0.0, run.run.key.id)))


def _without_stages(components: Sequence[Component]) -> tuple[Component, ...]:
    return tuple(replace(component, stages=()) for component in components)
