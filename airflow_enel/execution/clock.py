"""Time for the loops of this package, so that tests can run them in virtual time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock and a way to wait.

    :param now: seconds of a monotonic clock
    :param sleep: waits for seconds
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK: Final = Clock()
