"""What a benchmark gives: a figure with its noise."""

from __future__ import annotations

from collections.abc import Sequence
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
