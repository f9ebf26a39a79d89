"""Waits for a condition that another process or thread brings about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], within_s: float = 30.0) -> T:
    """Ask until the answer is true; return it.

    :raises AssertionError: with the last answer, if none was true in time
    """
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within_s} s"
        time.sleep(0.05)
    return answer
