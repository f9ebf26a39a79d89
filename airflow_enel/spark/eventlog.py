"""Finds Spark's event logs, and reads one to the end of its application.

A log is a plain file (the default up to Spark 3.5) or a folder of numbered parts with a file
``appstatus_…`` beside them (the default from 4.0 on), in plain text, zstd or gzip. Memory is
bounded: a log is read line by line, and only the reducer remembers. What cannot be used as a whole
is not used at all: `UnusableLog` says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_enel.domain import NO_CONTEXT, RunContext, Snapshot
from airflow_enel.domain.context import read_context
from airflow_enel.spark.event_defects import EventDefects
from airflow_enel.spark.event_fields import Event
from airflow_enel.spark.file_format import UnreadableFile, reading_errors, unpacked
from airflow_enel.spark.properties import given_context, size_context
from airflow_enel.spark.reducer import EventReducer

MAX_LINE_BYTES: Final = 64 * 2**20
"""A longer line is refused: Spark writes one event per line, most of a few KB."""

UNREAD_KINDS: Final = (
    "SparkListenerTaskStart",
    "SparkListenerTaskGettingResult",
    "SparkListenerSpeculativeTaskSubmitted",
    "SparkListenerExecutorMetricsUpdate",
    "SparkListenerStageExecutorMetrics",
    "SparkListenerBlockManagerRemoved",
    "SparkListenerBlockUpdated",
    "SparkListenerUnpersistRDD",
    "SparkListenerResourceProfileAdded",
    "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionEnd",
    "org.apache.spark.sql.execution.ui.SparkListenerSQLAdaptiveExecutionUpdate",
    "org.apache.spark.sql.execution.ui.SparkListenerSQLAdaptiveSQLMetricUpdates",
    "org.apache.spark.sql.execution.ui.SparkListenerDriverAccumUpdates",
)
"""Kinds of events that the reducer passes over and that are numerous or long."""

_UNREAD = tuple(f'{{"Event":"{kind}"'.encode() for kind in UNREAD_KINDS)
_START, _END = "SparkListenerApplicationStart", "SparkListenerApplicationEnd"
_ENVIRONMENT = "SparkListenerEnvironmentUpdate"
_LOCAL_MASTER = re.compile(r"local(\[|$)")
_VERSION = re.compile(r"[ -~]{1,100}")

_PART = re.compile(r"events_(\d+)_")
_ROLLING = "eventlog_v2_"
_COMPACTED = ".compact"
_LINES_PER_REPORT = 500


class UnusableLog(Exception):
    """A log that cannot be used; the message is one line and says why."""


class PassedOver(Exception):
    """The caller wants no more of this log."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An application that has ended, as read from its log.

    :param snapshot: all of it, read at its end
    :param attempt: which attempt at the application, from 1; only YARN makes several
    :param exit_code: of the driver; Spark logs it from 4.0 on, and not in every mode
    :param context: what was known at its start, as far as the log says
    :param local: whether it ran in its driver alone, without a cluster
    :param defects: why the run is incomplete, each in a few words
    :param notes: what was left out of it, though it is complete
    """

    snapshot: Snapshot
    attempt: int
    exit_code: int | None
    context: RunContext = NO_CONTEXT
    local: bool = False
    defects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_logs(path: Path) -> tuple[Path, ...]:
    """Return the logs at a path: itself if it is a log, else what lies directly in the folder.

    Hidden files, as Hadoop's checksums are, are none. No log is opened.

    :raises UnusableLog: if there is nothing at the path, or it may not be listed
    """
    with _unusable_if_unreadable():
        if not path.exists():
            remote = "://" in str(path) or re.match(r"\w+:/", str(path))
            hint = ": only local paths are read, copy the logs first" if remote else ""
            raise UnusableLog(f"no such file or folder{hint}")
        if not path.is_dir() or _is_rolling(path):
            return (path,)
        children = sorted(p for p in path.iterdir() if not p.name.startswith("."))
        return tuple(p for p in children if p.is_file() or _is_rolling(p))


def size_of(log: Path) -> int:
    """Return the bytes of a log on disk, 0 if they cannot be read."""
    try:
        return sum(part.stat().st_size for part in _parts(log))
    except (OSError, UnusableLog):
        return 0


def read_log(
    log: Path,
    on_start: Callable[[Snapshot, int], None] | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Reading:
    """Read one log to its end.

    :param on_start: is shown the application and its attempt as soon as they are known, before
        the bulk of the log is read; it may raise `PassedOver`
    :param on_bytes: called now and then with how many more bytes of the disk were read
    :raises UnusableLog: if the log is none, is damaged, has no end, or cannot be read
    """
    fold, attempt, exit_code = EventReducer(strict=False), 1, None
    properties: dict[str, object] = {}
    with _unusable_if_unreadable():
        for event in _events(_parts(log), on_bytes or (lambda _: None)):
            fold.add(event)
            if event["Event"] == _START:
                attempt = _natural(event.get("App Attempt ID")) or 1
                if on_start is not None:
                    on_start(fold.snapshot(0.0), attempt)
            elif event["Event"] == _ENVIRONMENT:
                properties |= _object(event.get("Spark Properties"))
            elif event["Event"] == _END:
                exit_code = _natural(event.get("ExitCode"))
    started = fold.snapshot(0.0)
    if started.app_id is None or started.started_at is None:
        raise UnusableLog(_why_no_start(started.spark_version, fold.defects))
    if started.ended_at is None:
        raise UnusableLog(
            "no end of the application: it was killed or lost its driver, or it still runs"
        )
    ended = fold.snapshot(started.ended_at)
    note = fold.defects.field_note
    return Reading(
        ended,
        attempt,
        exit_code,
        _context(ended, properties),
        _is_local(ended, properties),
        fold.flaws_at_end(),
        () if note is None else (note,),
    )


def _context(snapshot: Snapshot, properties: Mapping[str, object]) -> RunContext:
    """Executors without a number of cores have all of their worker: they tell themselves.

    What whoever submitted it has given counts more; of that, what cannot be read is left out.
    """
    found = size_context(properties)
    cores = next((span.cores for span in snapshot.executors if span.cores), None)
    if "executor_cores" not in found and cores is not None:
        found["executor_cores"] = cores
    if snapshot.spark_version is not None and _VERSION.fullmatch(snapshot.spark_version):
        found["spark_version"] = snapshot.spark_version
    context, _ = read_context(given_context(properties), RunContext.of(found))
    return context


def _is_local(snapshot: Snapshot, properties: Mapping[str, object]) -> bool:
    """Without any executor its master says it, if the log has its properties."""
    if snapshot.executors:
        return snapshot.local_mode
    return _LOCAL_MASTER.match(str(properties.get("spark.master", ""))) is not None


def _why_no_start(version: str | None, defects: EventDefects) -> str:
    if version is not None and is_too_old(version):
        return too_old(version)
    if defects.unreadable:
        return f"the start of the application is unreadable: {'; '.join(defects.in_words())}"
    return "the start of the application is missing: the log lacks its beginning"


def is_too_old(version: str) -> bool:
    """Whether a version of Spark wrote events of another form."""
    return version.startswith(("0.", "1."))


def too_old(version: str) -> str:
    """Why the log of such a version cannot be used."""
    return f"written by Spark {version[:20]}: only logs of Spark 2.0 and later can be read"


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _events(parts: tuple[Path, ...], on_bytes: Callable[[int], None]) -> Iterator[Event]:
    """Events that the reducer may read; the last line may have been cut off by a kill."""
    first = True
    for part in parts:
        for number, line in enumerate(_lines(part, on_bytes), 1):
            if line.startswith(_UNREAD):
                first = False
                continue
            if not line.strip():
                continue
            event = _parsed(line)
            if event is not None:
                first = False
                yield event
            elif first:
                raise UnusableLog("not a Spark event log")
            elif line.endswith(b"\n") or part != parts[-1]:
                raise UnusableLog(f"damaged: line {number} of {part.name} is no event")
    if first:
        raise UnusableLog("empty")


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("Event"), str):
        return None
    return event


def _lines(part: Path, on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    with part.open("rb") as raw, unpacked(raw) as stream:
        if stream.peek(1)[:1] not in {b"{", b""}:
            raise UnusableLog("not a Spark event log")
        reported, count = 0, 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise UnusableLog(f"a line is longer than {MAX_LINE_BYTES >> 20} MB")
            count += 1
            if count % _LINES_PER_REPORT == 0:
                on_bytes(raw.tell() - reported)
                reported = raw.tell()
            yield line
        on_bytes(raw.tell() - reported)


def _parts(log: Path) -> tuple[Path, ...]:
    """The files of a log in the order of their events."""
    if not log.is_dir():
        return (log,)
    found = [(int(m[1]), p) for p in log.iterdir() if (m := _PART.match(p.name))]
    if not found:
        raise UnusableLog("no part of it is there")
    found.sort()
    if any(p.name.endswith(_COMPACTED) for _, p in found):
        raise UnusableLog("compacted: the history server has removed finished jobs from it")
    numbers = [number for number, _ in found]
    if len(set(numbers)) < len(numbers):
        raise UnusableLog("two files claim to be the same part")
    missing = set(range(1, numbers[-1] + 1)) - set(numbers)
    if missing:
        raise UnusableLog(f"part {min(missing)} is missing")
    return tuple(p for _, p in found)


def _is_rolling(path: Path) -> bool:
    if not path.is_dir():
        return False
    return path.name.startswith(_ROLLING) or any(_PART.match(p.name) for p in path.iterdir())


def _natural(value: object) -> int | None:
    """A natural number that may be written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if re.fullmatch(r"[0-9]{1,9}", str(value)) else None


@contextmanager
def _unusable_if_unreadable() -> Iterator[None]:
    """Turn what goes wrong with files into one line."""
    try:
        with reading_errors():
            yield
    except UnreadableFile as error:
        raise UnusableLog(str(error)) from None
