"""Published traces: one row per Spark job of many runs, as files with ``|`` between columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from airflow_enel.domain import Component, PastRun, ScaleOut
from airflow_enel.domain.run import mean_executors

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
_MAX_JOB_ID = 2**31 - 1


class UnusableTrace(Exception):
    """A file that cannot be used; the message is one line and says why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The runs of one recurring job, oldest first.

    :param job: what the file calls the application
    :param failed: ``run_id`` of the runs in which executors failed
    """

    job: str
    runs: tuple[PastRun, ...]
    failed: frozenset[str]


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


def is_trace(path: Path) -> bool:
    """Return whether a file begins like a table with ``|`` between columns, as event logs never do.

    A file that cannot be read is none here: whoever reads it next says why.
    """
    try:
        with path.open("rb") as file:
            head = file.readline(1000)
    except OSError:
        return False
    return b"|" in head and not head.lstrip(b"\xef\xbb\xbf \t").startswith(b"{")


def read_trace(
    path: Path, failures: Sequence[range] | None = PUBLISHED_FAILURES
) -> tuple[Trace, ...]:
    """Read the runs of every application in a file.

    Jobs have no names there: a component's key is its job id. Each runs at the one scale-out that
    the file tells, and rescaling happens between them.

    :param failures: which runs of each application had failing executors, counted from 1 in the
        order of their starts; their components are marked as disturbed. None for none.
    :raises UnusableTrace: if the file has other columns, or a row that cannot be understood
    """
    runs: dict[str, dict[str, list[_Row]]] = {}
    for number, row in _rows(path):
        jobs = runs.setdefault(row.job, {}).setdefault(row.run_id, [])
        if jobs and _run_of(jobs[0]) != _run_of(row):
            raise UnusableTrace(f"line {number}: run {row.run_id} has another start or end before")
        if any(row.job_id == other.job_id for other in jobs):
            raise UnusableTrace(f"line {number}: run {row.run_id} has job {row.job_id} twice")
        jobs.append(row)
    if not runs:
        raise UnusableTrace("there are no runs in it")
    return tuple(_trace(job, found.values(), failures or ()) for job, found in runs.items())


def _trace(job: str, found: Iterable[list[_Row]], failures: Sequence[range]) -> Trace:
    runs = sorted(map(_past_run, found), key=lambda r: (r.started_at, r.run_id))
    failed = frozenset(
        run.run_id
        for number, run in enumerate(runs, 1)
        if any(number in numbers for numbers in failures)
    )
    return Trace(job, tuple(_disturbed(r) if r.run_id in failed else r for r in runs), failed)


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


def _rows(path: Path) -> Iterator[tuple[int, _Row]]:
    """Rows with the numbers of their lines."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter="|", strict=True)
            _check_columns(next(reader, []))
            for cells in reader:
                if cells:
                    yield reader.line_num, _row(cells, reader.line_num)
    except OSError as error:
        raise UnusableTrace(f"cannot be read: {error.strerror or error}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UnusableTrace(f"not a table with | between columns: {error}") from None


def _check_columns(found: list[str]) -> None:
    names = tuple(name.strip().upper() for name in found)
    if names == COLUMNS:
        return
    if "SCALE_OUT" not in names and "JOB_ID" in names:
        raise UnusableTrace("it has no column SCALE_OUT: nothing can be learned without scale-outs")
    raise UnusableTrace(f"its first line must be {'|'.join(COLUMNS)}")


def _row(cells: list[str], number: int) -> _Row:
    if len(cells) != len(COLUMNS):
        raise UnusableTrace(f"line {number}: {len(cells)} values instead of {len(COLUMNS)}")
    run_id, job, begun, ended, _, job_id, started, finished, _, executors = map(str.strip, cells)
    try:
        row = _Row(
            run_id,
            job,
            _moment(begun),
            _moment(ended),
            _natural("JOB_ID", job_id, 0, _MAX_JOB_ID),
            _moment(started),
            _moment(finished),
            _natural("SCALE_OUT", executors, 1, MAX_EXECUTORS),
        )
    except ValueError as error:
        raise UnusableTrace(f"line {number}: {error}") from None
    if not run_id or not job:
        raise UnusableTrace(f"line {number}: ID and APP_ID must not be empty")
    inside = row.run_started_at <= row.started_at <= row.finished_at <= row.run_finished_at
    if not inside:
        raise UnusableTrace(f"line {number}: the job does not lie within its run")
    return row


def _run_of(row: _Row) -> tuple[float, float]:
    return row.run_started_at, row.run_finished_at


def _moment(text: str) -> float:
    """Seconds since the epoch; UTC, and a fraction of any number of digits, unlike ISO's."""
    plain = text.replace("T", " ").removesuffix("Z")
    form = "%Y-%m-%d %H:%M:%S.%f" if "." in plain else "%Y-%m-%d %H:%M:%S"
    try:
        return datetime.strptime(plain, form).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no moment such as 2021-07-04 19:22:18.08") from None


def _natural(column: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        wanted = f"a whole number from {least} to {most}"
        raise ValueError(f"{column} must be {wanted}, not {text[:40]!r}")
    return int(text)
