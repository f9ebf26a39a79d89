"""Reads runs, as the history stores them, from Spark event logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from airflow_enel.control.outcome import outcome
from airflow_enel.domain import (
    IMPORTED,
    Bounds,
    RecordedRun,
    Run,
    RunKey,
    RunState,
    Snapshot,
)
from airflow_enel.history.sql.known_applications import KnownRun
from airflow_enel.ingest.attempts import NO_ATTEMPTS, Attempts
from airflow_enel.spark.eventlog import (
    PassedOver,
    Reading,
    UnusableLog,
    is_too_old,
    read_log,
    too_old,
)
from airflow_enel.spark.file_format import FileKind, UnreadableFile, kind_of

_RUN_ID_PREFIX = "import__"
_MOST_ATTEMPTS: Final = 20  # YARN makes 2 unless it is told otherwise


class Result(str, Enum):
    """What became of a log."""

    IMPORTED = "imported"
    WOULD_IMPORT = "would import"
    KNOWN = "known"
    TOO_OLD = "too old"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """One log in the table; what is not known is None, ``reason`` is empty if all is well."""

    log: str
    result: Result
    reason: str = ""
    app_id: str | None = None
    job_key: str | None = None
    started_at: float | None = None
    runtime_s: float | None = None
    executors: int | None = None
    components: int | None = None
    state: RunState | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be imported, and as whose runs.

    :param job_key: None for the name of each application
    :param since_at: seconds since the epoch; applications that started before are left out
    """

    dag_id: str
    job_key: str | None = None
    since_at: float | None = None


class _Passed(PassedOver):
    """The application need not be read on."""

    def __init__(self, result: Result, reason: str = "") -> None:
        super().__init__(reason)
        self.result, self.reason = result, reason


class RunReader:
    """Reads logs one by one and passes over what is known or not wanted.

    :param known: runs of the DAG by their application's id, see `known_applications`
    :param attempts: of the logs that will be read, in the order of `find_attempts`
    """

    def __init__(
        self,
        wanted: Wanted,
        known: Mapping[str, Sequence[KnownRun]],
        attempts: Attempts = NO_ATTEMPTS,
    ) -> None:
        self._wanted = wanted
        self._attempts = attempts
        self._ends: dict[str, float] = {}
        self._known = {app_id: [*runs] for app_id, runs in known.items()}

    def read(
        self, log: Path, on_bytes: Callable[[int], None] | None = None
    ) -> tuple[Line, RecordedRun | None]:
        """Read a log; without a run the line says why there is none."""
        line = Line(str(log), Result.SKIPPED)

        def on_start(application: Snapshot, attempt: int) -> None:
            nonlocal line
            line = self._begun(line, application)
            self._look(application, attempt)

        try:
            _check_kind(log)
            reading = self._checked(read_log(log, on_start, on_bytes))
            found = self._run_of(reading)
        except _Passed as passed:
            return replace(line, result=passed.result, reason=passed.reason), None
        except UnusableLog as error:
            return replace(line, reason=str(error)), None
        return _line(line, reading, found), found

    def remember(self, found: RecordedRun) -> None:
        """Know a run from now on."""
        known = KnownRun(found.run.key.id, found.run.key.run_id)
        self._known.setdefault(found.outcome.app_id or "", []).append(known)

    def earlier_attempts(self, found: RecordedRun) -> tuple[str, ...]:
        """Return the ids of the known runs that were earlier attempts at the same application."""
        key = found.run.key
        ids = (replace(key, submit_try=number).id for number in range(1, key.submit_try))
        known = {run.id for run in self._known.get(found.outcome.app_id or "", ())}
        return tuple(run_id for run_id in ids if run_id in known)

    def _checked(self, reading: Reading) -> Reading:
        """Mark a run as incomplete whose attempt overlaps with another one."""
        snapshot = reading.snapshot
        app_id, ended_at = snapshot.app_id or "", snapshot.ended_at or 0.0
        next_at = self._attempts.next_start(app_id, reading.attempt)
        before_at = self._ends.get(app_id, 0.0)
        self._ends[app_id] = max(before_at, ended_at)
        inside = before_at <= (snapshot.started_at or 0.0) and (next_at or ended_at) >= ended_at
        if inside:
            return reading
        return replace(
            reading,
            snapshot=replace(snapshot, complete=False),
            defects=(*reading.defects, "its attempts overlap in time"),
        )

    def _is_superseded(self, application: Snapshot, attempt: int) -> bool:
        """Whether a later attempt at the application is known."""
        app_id = application.app_id or ""
        if self._attempts.next_start(app_id, attempt) is not None:
            return True
        later = range(attempt + 1, attempt + _MOST_ATTEMPTS)
        ids = {self._key(application, number).id for number in later}
        return any(run.id in ids for run in self._known.get(app_id, ()))

    def _begun(self, line: Line, application: Snapshot) -> Line:
        return replace(
            line,
            app_id=application.app_id,
            job_key=self._job_key(application),
            started_at=application.started_at,
        )

    def _look(self, application: Snapshot, attempt: int) -> None:
        """Pass over what need not be read on; nothing is known but how the application began."""
        since_at, started_at = self._wanted.since_at, application.started_at
        if since_at is not None and started_at is not None and started_at < since_at:
            raise _Passed(Result.TOO_OLD)
        key = self._key(application, attempt)
        for run in self._known.get(application.app_id or "", ()):
            if run.id == key.id:
                raise _Passed(Result.KNOWN)
            if not run.airflow_run_id.startswith(_RUN_ID_PREFIX):
                reason = f"recorded while it ran, in {run.airflow_run_id}"
                raise _Passed(Result.KNOWN, reason)

    def _key(self, application: Snapshot, attempt: int) -> RunKey:
        """The same for the same application, DAG and recurring job, whenever it is imported."""
        run_id = f"{_RUN_ID_PREFIX}{application.app_id}"
        return RunKey(self._wanted.dag_id, run_id, self._job_key(application), -1, attempt)

    def _job_key(self, application: Snapshot) -> str:
        return self._wanted.job_key or application.app_name or "application"

    def _run_of(self, reading: Reading) -> RecordedRun:
        snapshot = reading.snapshot
        if not snapshot.finished_components:
            raise UnusableLog(_why_no_component(reading))
        if reading.local:
            raise UnusableLog("no executors: it ran in the driver alone (local mode)")
        sizes = [c.scale_out.start for c in snapshot.components]
        sizes += [c.scale_out.end for c in snapshot.components]
        if max(sizes) < 1:
            raise UnusableLog("no executors while its jobs ran: their events are missing")
        failed = self._is_superseded(snapshot, reading.attempt)
        state = RunState.FAILED if failed else _state(reading)
        ended = outcome(snapshot, reading.exit_code, None, state)
        run = Run(
            key=self._key(snapshot, reading.attempt),
            job_key=self._job_key(snapshot),
            application=snapshot.app_name or "",
            policy=IMPORTED,
            bounds=Bounds(max(1, min(sizes)), max(sizes)),
            runtime_target_s=None,
            # What there really was: what was asked for may never have come.
            initial_executors=ended.executors_at_start or max(sizes),
            submitted_at=snapshot.started_at or 0.0,
            context=reading.context,
        )
        return RecordedRun(run, ended, snapshot.finished_components, snapshot.requests)


def _check_kind(log: Path) -> None:
    with suppress(UnreadableFile):  # whoever reads it next says why
        if not log.is_dir() and kind_of(log) is FileKind.TABLE:
            raise UnusableLog(
                "a table, not an event log: `airflow enel evaluate` reads trace files"
            )


def _why_no_component(reading: Reading) -> str:
    version = reading.snapshot.spark_version or ""
    if reading.defects and is_too_old(version):
        return too_old(version)
    if reading.defects:
        return f"no component can be read: {'; '.join(reading.defects)}"
    return "no components: the application ran no Spark job"


def _state(reading: Reading) -> RunState:
    """Return how an application ended whose log has its end.

    Without an exit code of the driver the last job decides: an application that fails stops at
    the job that failed, one that catches the failure goes on. Where the end of the last job is
    missing, nobody knows the result.
    """
    if reading.exit_code is not None:
        return RunState.FAILED if reading.exit_code else RunState.SUCCEEDED
    components = reading.snapshot.components
    last = max(components, key=lambda c: (c.finished_at or c.started_at, c.position))
    if last.succeeded is None:
        return RunState.LOST
    return RunState.SUCCEEDED if last.succeeded else RunState.FAILED


def _line(line: Line, reading: Reading, found: RecordedRun) -> Line:
    return replace(
        line,
        reason=_reason(reading),
        runtime_s=found.outcome.runtime_s,
        executors=found.run.initial_executors,
        components=len(found.components),
        state=found.outcome.state,
    )


def _reason(reading: Reading) -> str:
    """What an import says of a run that it takes, empty for nothing."""
    if reading.snapshot.complete:
        return "; ".join(reading.notes)
    defects = "; ".join(reading.defects) or "events are missing"
    return f"shown, but not learned from: {defects}"
