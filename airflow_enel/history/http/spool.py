"""A queue on disk for requests that the API server has not taken yet.

A write goes into the file before it is sent, so that a process that is killed leaves it to the
next one. Nothing is taken out one by one: the file is emptied when all that is in it was sent.
A process that starts with a file that is not empty sends all of it again, which changes nothing.

The first line is a mark that is new whenever the file is begun anew: without it one process could
not notice that another has emptied the file meanwhile. Locks are held for a moment only, never
while a write is sent.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_enel.history.http.transport import CallerRefused
from airflow_enel.history.interface import (
    HistoryError,
    HistoryUnavailable,
    Log,
    Record,
    WriteRequest,
)


@dataclass(frozen=True, slots=True)
class SpooledWrite:
    """A write, and where the file goes on after it (None in memory)."""

    request: WriteRequest
    end: int | None = None


class Spool:
    """A `WriteQueue` in a file.

    :param file: readable by its owner only; made when it is needed, in a folder that exists
    :param send: sends a request, such as `HttpHistory.send_once`
    :param log: gets a warning for each write that is refused
    :ivar trouble: why the last replay came to a halt, None if it did not
    """

    def __init__(self, file: Path, send: Callable[[WriteRequest], None], log: Log) -> None:
        self.trouble: HistoryError | None = None
        self.place = f"in {file}"
        self._file = file
        self._send = send
        self._log = log
        self._mark = b""
        self._sent_to = 0  # of the file with this mark
        self._unsaved: deque[SpooledWrite] = deque()  # the disk did not take them

    def add(self, record: Record) -> None:
        """Keep the requests of a record; in memory if the disk is full or the folder gone."""
        for request in record.requests():
            self.append(request)

    def append(self, request: WriteRequest) -> None:
        """Keep a request, as `add` does."""
        fields = {"path": request.path, "body": request.body.decode()}
        line = json.dumps(fields, ensure_ascii=False).encode() + b"\n"
        if not self._unsaved:  # else it would overtake them
            with suppress(OSError), self._locked(os.O_CREAT) as file:
                _append(file, line)
                return
        self._unsaved.append(SpooledWrite(request))

    def replay(self) -> int:
        """Send what the file has, from this process or others, until the server cannot be reached.

        What the server refuses for good is left out, with a warning.

        :returns: the number of writes that are left
        """
        self.trouble = None
        while (write := self._next()) is not None:
            try:
                self._send(write.request)
            except (HistoryUnavailable, CallerRefused) as error:  # others may be more lucky
                self.trouble = error
                return self.pending
            except Exception as error:  # it would block all that come after it
                self._log.warning("A record of this run was not taken: %s", error)
            self._done(write)
        return 0

    @property
    def pending(self) -> int:
        """How many writes this process has not sent."""
        with suppress(OSError), self._locked() as file:
            return len(self._unsaved) + sum(1 for _ in self._left(file))
        return len(self._unsaved)

    def _next(self) -> SpooledWrite | None:
        """The next write; if there is none in the file, empty that."""
        with suppress(OSError), self._locked() as file:
            for write in self._left(file):
                return write
            file.truncate(0)
        return self._unsaved[0] if self._unsaved else None

    def _done(self, write: SpooledWrite) -> None:
        if write.end is None:
            self._unsaved.popleft()
        else:
            self._sent_to = write.end

    def _left(self, file: IO[bytes]) -> Iterator[SpooledWrite]:
        mark = file.readline()
        if mark != self._mark:
            self._mark, self._sent_to = mark, len(mark)
        end = file.seek(self._sent_to)
        for line in file:
            end += len(line)
            write = _read(line, end)
            if write is not None:
                yield write

    @contextmanager
    def _locked(self, flags: int = 0) -> Iterator[IO[bytes]]:
        descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | flags, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # closing the file gives it back
            yield file


def _read(line: bytes, end: int) -> SpooledWrite | None:
    try:
        fields = json.loads(line)
        return SpooledWrite(WriteRequest(fields["path"], fields["body"].encode()), end)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None  # torn, as its writer has died over it


def _append(file: IO[bytes], line: bytes) -> None:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        line = secrets.token_hex(8).encode() + b"\n" + line
    else:
        file.seek(size - 1)
        if file.read(1) != b"\n":  # its writer has died over the last line
            line = b"\n" + line
    # Past the buffer, so that a disk that is full is known of here and now.
    if os.write(file.fileno(), line) != len(line):
        raise OSError(errno.ENOSPC, "the disk is full")
