"""Runs a function with a time limit, for files and storage that may hang."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(limit_s: float, work: Callable[[], T]) -> T:
    """Return what a function returns, or raise what it raises.

    It runs in a daemon thread of its own, which is left behind when time is up: nothing waits for
    it at the end of the process, as it would for a thread of an executor.

    :raises TimeoutError: if it takes longer
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, name="enel-time-limit", daemon=True).start()
    return outcome.result(limit_s)
