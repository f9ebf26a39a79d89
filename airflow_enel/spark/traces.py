"""Reads published traces: tables with ``|`` between columns, one row per Spark job of many runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from math import inf
from pathlib import Path
from typing import Final

from airflow_enel.domain import Component, PastRun, ScaleOut
from airflow_enel.domain.run import mean_executors
from airflow_enel.spark.file_format import UnreadableFile, reading_errors, unpacked

COLUMNS: Final = (
    "ID",
    "APP_ID",
    "STARTED_AT",
    "FINISHED_AT",
    "APP_EVENT_ID",
    "JOB_ID",
    "STARTED_AT",
    "FINISHED_AT",
    "DURATION_MS",
    "SCALE_OUT",
)
"""Run, its name, start and end, then the same of one of its jobs; names come twice."""

PUBLISHED_FAILURES: Final = (range(41, 51), range(61, 66))
"""Runs, from 1, in which the published protocol killed an executor every 90 seconds."""

MAX_EXECUTORS: Final = 100_000
_MAX_JOB_ID: Final = 2**31 - 1
_SHOWN: Final = 40


class UnusableTrace(Exception):
    """A file that cannot be used; the message is one line and says why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The runs of one recurring job, oldest first.

    :param job: what the file calls the application
    :param failed: ``run_id`` of the runs in which executors failed
    :param left_out: why each of the runs that are not here was left out, in their order
    """

    job: str
    runs: tuple[PastRun, ...]
    failed: frozenset[str]
    left_out: tuple[str, ...] = ()

    @property
    def all_runs(self) -> int:
        """How many runs the file has of the job, with those left out."""
        return len(self.runs) + len(self.left_out)


@dataclass(frozen=True, slots=True)
class _Row:
    run_id: str
    job: str
    run_started_at: float
    run_finished_at: float
    job_id: int
    started_at: float
    finished_at: float
    executors: int


def read_trace(
    path: Path, failures: Sequence[range] | None = PUBLISHED_FAILURES
) -> tuple[Trace, ...]:
    """Read the runs of every application in a file.

    Jobs have no names there: a component's key is its job id. Each runs at the one scale-out that
    the file gives, and rescaling happens between them. A row that cannot be used costs its run.

    :param failures: which runs of each application had failing executors, counted from 1 in the
        order of their starts, with those left out; their components are marked as disturbed. None
        for none.
    :raises UnusableTrace: if the file has other columns, or no run that can be used
    """
    jobs: dict[str, dict[str, _RunRows]] = {}
    run = nobody = _RunRows()
    for number, cells in _lines(path):
        run_id, job = (*map(str.strip, cells[:2]), "", "")[:2]
        if run_id and job:  # else it belongs to the run before: rows of a run stand together
            run = jobs.setdefault(job, {}).setdefault(run_id, _RunRows())
        try:
            run.add(_row(cells))
        except ValueError as error:
            run.fault = run.fault or f"line {number}: {error}"
    traces = tuple(_trace(job, tuple(runs.values()), failures or ()) for job, runs in jobs.items())
    if not any(trace.runs for trace in traces):
        faults = [nobody.fault, *(fault for trace in traces for fault in trace.left_out)]
        raise UnusableTrace(next(filter(None, faults), "there are no runs in it"))
    return traces


@dataclass(slots=True)
class _RunRows:
    """The rows of one run, and what is wrong with the first that cannot be used."""

    rows: list[_Row] = field(default_factory=list)
    fault: str | None = None

    def add(self, row: _Row) -> None:
        """Add a row.

        :raises ValueError: if it contradicts the others
        """
        if self.rows and _run_of(self.rows[0]) != _run_of(row):
            raise ValueError(f"run {row.run_id} has another start or end before")
        if any(row.job_id == other.job_id for other in self.rows):
            raise ValueError(f"run {row.run_id} has job {row.job_id} twice")
        self.rows.append(row)
        if not row.run_started_at <= row.started_at <= row.finished_at <= row.run_finished_at:
            raise ValueError("the job does not lie within its run")

    @property
    def order(self) -> tuple[float, str]:
        """Where the run comes among the others; last if no row of it could be read."""
        first = self.rows[0] if self.rows else None
        return (inf, "") if first is None else (first.run_started_at, first.run_id)


def _trace(job: str, found: Sequence[_RunRows], failures: Sequence[range]) -> Trace:
    ordered = sorted(found, key=lambda run: run.order)
    runs: list[PastRun] = []
    failed: set[str] = set()
    for number, run in enumerate(ordered, 1):
        if run.fault is not None:
            continue
        past = _past_run(run.rows)
        if any(number in numbers for numbers in failures):
            past = _disturbed(past)
            failed.add(past.run_id)
        runs.append(past)
    left_out = tuple(run.fault for run in ordered if run.fault is not None)
    return Trace(job, tuple(runs), frozenset(failed), left_out)


def _disturbed(run: PastRun) -> PastRun:
    return replace(run, components=tuple(replace(c, disturbed=True) for c in run.components))


def _past_run(rows: list[_Row]) -> PastRun:
    added_s = _added_s(rows)
    ordered = sorted(rows, key=lambda row: (row.started_at, row.job_id))
    components = tuple(
        Component(
            position=position,
            key=f"job {row.job_id}",
            occurrence=0,
            job_id=row.job_id,
            started_at=row.started_at,
            finished_at=row.finished_at,
            succeeded=True,
            added_s=added_s[row.job_id],
            scale_out=ScaleOut(row.executors, row.executors, 0.0, float(row.executors)),
            disturbed=False,
            stages=(),
        )
        for position, row in enumerate(ordered)
    )
    first = ordered[0]
    return PastRun(
        run_id=first.run_id,
        started_at=first.run_started_at,
        runtime_s=first.run_finished_at - first.run_started_at,
        mean_executors=mean_executors(components, otherwise=float(first.executors)),
        initial_executors=first.executors,
        components=components,
    )


def _added_s(rows: list[_Row]) -> dict[int, float]:
    """Seconds from the latest finish before each job, or the run's start, to its own finish."""
    added_s, latest = {}, rows[0].run_started_at
    for row in sorted(rows, key=lambda row: (row.finished_at, row.job_id)):
        added_s[row.job_id] = row.finished_at - latest
        latest = row.finished_at
    return added_s


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The cells of each row, with the number of its line."""
    try:
        with reading_errors(), path.open("rb") as raw, unpacked(raw) as plain:
            file = io.TextIOWrapper(plain, encoding="utf-8-sig", newline=None)
            for number, line in enumerate(file, 1):
                if number == 1:
                    _check_columns(_cells(line))
                elif line.strip():
                    yield number, _cells(line)
    except UnreadableFile as error:
        raise UnusableTrace(str(error)) from None
    except UnicodeDecodeError:
        raise UnusableTrace("not UTF-8, as a trace file must be: convert it first") from None


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter="|", strict=True))
    except (csv.Error, StopIteration):
        return line.split("|")


def _check_columns(found: list[str]) -> None:
    names = tuple(name.strip().upper() for name in found)
    if names == COLUMNS:
        return
    if "SCALE_OUT" not in names and "JOB_ID" in names:
        raise UnusableTrace("it has no column SCALE_OUT: nothing can be learned without scale-outs")
    raise UnusableTrace(f"no trace file: its first line must be {'|'.join(COLUMNS)}")


def _row(cells: list[str]) -> _Row:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} values instead of {len(COLUMNS)}")
    run_id, job, begun, ended, _, job_id, started, finished, _, executors = map(str.strip, cells)
    if not run_id or not job:
        raise ValueError("ID and APP_ID must not be empty")
    return _Row(
        run_id,
        job,
        _moment(begun),
        _moment(ended),
        _natural("JOB_ID", job_id, 0, _MAX_JOB_ID),
        _moment(started),
        _moment(finished),
        _natural("SCALE_OUT", executors, 1, MAX_EXECUTORS),
    )


def _run_of(row: _Row) -> tuple[float, float]:
    return row.run_started_at, row.run_finished_at


def _moment(text: str) -> float:
    """Seconds since the epoch; UTC, and a fraction of any number of digits, unlike ISO's."""
    plain = text[:_SHOWN].replace("T", " ").removesuffix("Z")
    form = "%Y-%m-%d %H:%M:%S.%f" if "." in plain else "%Y-%m-%d %H:%M:%S"
    try:
        return datetime.strptime(plain, form).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise ValueError(f"{text[:_SHOWN]!r} is no moment such as 2021-07-04 19:22:18.08") from None


def _natural(column: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        wanted = f"a whole number from {least} to {most}"
        raise ValueError(f"{column} must be {wanted}, not {text[:_SHOWN]!r}")
    return int(text)
