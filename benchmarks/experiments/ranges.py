"""The layout of Table III of the Enel paper: violations per job, policy and range of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from airflow_enel.simulation.figures import (
    RunFigures,
    SeriesFigures,
    violation_minutes,
    violations,
)

RANGES: Final = ((11, 21), (22, 32), (33, 43), (44, 54), (55, 65))
"""First and last run of each range."""


@dataclass(frozen=True, slots=True)
class MeanAndMedian:
    """Over campaigns."""

    mean: float
    median: float

    @classmethod
    def of(cls, values: Sequence[float]) -> MeanAndMedian:
        """Of one value per campaign."""
        return cls(fmean(values), median(values))


@dataclass(frozen=True, slots=True)
class RangeFigures:
    """Violations within one range of runs.

    :param counts: how many runs missed their target (CVC of the paper)
    :param minutes: by how much, in all (CVS of the paper)
    """

    first: int
    last: int
    counts: MeanAndMedian
    minutes: MeanAndMedian


def range_figures(
    series: Iterable[SeriesFigures], ranges: Sequence[tuple[int, int]] = RANGES
) -> tuple[RangeFigures, ...]:
    """Sum up each range.

    :param series: of one policy on one job, one per campaign
    """
    campaigns = [one.runs for one in series]
    found = []
    for first, last in ranges:
        within = [_within(runs, first, last) for runs in campaigns]
        counts = MeanAndMedian.of([violations(runs) for runs in within])
        minutes = MeanAndMedian.of([violation_minutes(runs) for runs in within])
        found.append(RangeFigures(first, last, counts, minutes))
    return tuple(found)


def _within(runs: Sequence[RunFigures], first: int, last: int) -> list[RunFigures]:
    return [run for run in runs if first <= run.number <= last]
