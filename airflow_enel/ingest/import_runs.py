"""Imports runs from Spark event logs into the history, for ``airflow enel import-history``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from airflow_enel.domain import RecordedRun, RunState
from airflow_enel.history.interface import History, HistoryRefused
from airflow_enel.history.sql.known_applications import KnownRun
from airflow_enel.ingest.attempts import NO_ATTEMPTS, Attempts
from airflow_enel.ingest.read_runs import Line, Result, RunReader, Wanted

_COMPONENTS_PER_WRITE = 200


class Importer:
    """Imports logs one by one.

    :param known: runs of the DAG by their application's id, see `known_applications`
    :param history: None to change nothing
    :param attempts: of the logs that will be added, in the order of `find_attempts`
    :ivar applications: names of those that were imported, or would be, in order, by recurring job
    """

    def __init__(
        self,
        wanted: Wanted,
        known: Mapping[str, Sequence[KnownRun]],
        history: History | None,
        attempts: Attempts = NO_ATTEMPTS,
    ) -> None:
        self._reader = RunReader(wanted, known, attempts)
        self._history = history
        self.applications: dict[str, dict[str, None]] = {}

    def add(self, log: Path, on_bytes: Callable[[int], None] | None = None) -> Line:
        """Import a log and say what became of it.

        :raises HistoryUnavailable: if the database is away
        """
        line, found = self._reader.read(log, on_bytes)
        if found is None:
            return line
        if self._history is not None:
            try:
                _store(self._history, found)
                _fail(self._history, self._reader.earlier_attempts(found))
            except HistoryRefused as error:
                return replace(line, reason=str(error))
        self._reader.remember(found)
        self.applications.setdefault(found.run.job_key, {})[found.run.application] = None
        result = Result.WOULD_IMPORT if self._history is None else Result.IMPORTED
        return replace(line, result=result)


def _fail(history: History, run_ids: Iterable[str]) -> None:
    """Record that runs, which were taken for successes, were followed by another attempt."""
    for run_id in run_ids:
        ended = history.run(run_id).outcome
        if ended is not None and ended.state is not RunState.FAILED:
            history.finish_run(run_id, replace(ended, state=RunState.FAILED))


def _store(history: History, found: RecordedRun) -> None:
    """Store a run; its outcome comes last, so that it counts only once all else is there."""
    run_id = found.run.key.id
    history.open_run(found.run, None)
    for start in range(0, len(found.components), _COMPONENTS_PER_WRITE):
        history.save_components(run_id, found.components[start : start + _COMPONENTS_PER_WRITE])
    history.finish_run(run_id, found.outcome)
