"""Processes that are forked from this one, because importing Airflow takes seconds.

So this process stays without threads; what goes on side by side in it are generators.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Life = Generator[None, None, T]
"""Something that takes its time: it gives way whenever it waits, and returns a T."""


class Children:
    """Processes forked from this one; none is left when it is left."""

    def __init__(self) -> None:
        self._codes: dict[int, int | None] = {}

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        for pid, code in list(self._codes.items()):
            if code is None:
                self.kill(pid)

    def start(self, work: Callable[[], None], log: Path) -> int:
        """Do some work in a process of its own.

        :param log: takes its output
        :returns: its process id
        """
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            _child(work, log)
        self._codes[pid] = None
        return pid

    def code(self, pid: int) -> int | None:
        """The exit code of a process, negative for a signal, None while it runs."""
        if self._codes[pid] is None:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._codes[pid] = os.waitstatus_to_exitcode(status)
        return self._codes[pid]

    def kill(self, pid: int) -> bool:
        """Kill a process as ``kill -9`` does.

        :returns: False if it had ended already
        """
        if self.code(pid) is not None:
            return False
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._codes[pid] = os.waitstatus_to_exitcode(status)
        return self._codes[pid] == -signal.SIGKILL


def _child(work: Callable[[], None], log: Path) -> None:
    code = 1
    try:
        os.setsid()  # Ctrl-C is for the parent, which kills its children
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        from airflow import settings  # noqa: PLC0415 - imported long ago by whoever forks

        if settings.engine is not None:
            settings.engine.dispose(close=False)  # the connections are the parent's
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def pause(seconds: float) -> Life[None]:
    """Wait while others go on."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield


def until(condition: Callable[[], object], within_s: float) -> Life[None]:
    """Wait for something to come to pass while others go on.

    :raises TimeoutError: if it does not
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to pass within {within_s:.0f} s")
        yield


def side_by_side(lives: Iterable[Life[T]], at_once: int) -> Iterator[T]:
    """Lead several lives at once in this one thread; give what they return, as it comes."""
    waiting, alive = list(lives), list[Life[T]]()
    while waiting or alive:
        while waiting and len(alive) < at_once:
            alive.append(waiting.pop(0))
        for life in list(alive):
            try:
                next(life)
            except StopIteration as end:  # noqa: PERF203 - it is how a generator returns
                alive.remove(life)
                yield end.value
        time.sleep(0.02)
