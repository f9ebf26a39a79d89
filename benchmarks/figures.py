"""What a benchmark gives: a figure with its noise; times how long something takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of several runs and the range around it.

    :param aim: what it should reach, as a text such as "≤ 1.02"; empty without an aim
    """

    name: str
    unit: str
    median: float
    minimum: float
    maximum: float
    runs: int
    aim: str = ""

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float], aim: str = "") -> Figure:
        """The figure of measured values."""
        return cls(name, unit, median(values), min(values), max(values), len(values), aim)


def timed_ms(name: str, action: Callable[[], object], aim: str = "", runs: int = 50) -> Figure:
    """Milliseconds that an action takes, once it has run for the first time."""
    action()
    elapsed_ms = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        elapsed_ms.append(1e3 * (time.perf_counter() - start))
    return Figure.of(name, "ms", elapsed_ms, aim)
