"""Sums up runs on real Spark: misses with their interval, changes with their spread, targets."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scipy.stats import binomtest  # type: ignore[import-untyped]

from benchmarks.figures import Figure
from benchmarks.real_spark.runs import Ran

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Misses:
    """How many runs missed their target, and the interval of their share.

    :param low: share of runs, 0…1, at the lower end of the interval
    :param high: likewise, at the upper end
    """

    missed: int
    runs: int
    low: float
    high: float

    @classmethod
    def of(cls, runs: Iterable[Ran]) -> Misses:
        """Count them; the interval is that of Clopper and Pearson."""
        missed = [run.missed for run in runs]
        test = binomtest(sum(missed), len(missed))
        found = test.proportion_ci(CONFIDENCE, method="exact")
        return cls(sum(missed), len(missed), float(found.low), float(found.high))

    def figure(self, name: str, aim: str) -> Figure:
        """Misses, with the interval for as many runs."""
        low, high = self.low * self.runs, self.high * self.runs
        title = f"{name}: misses ({CONFIDENCE:.0%} interval)"
        return Figure(title, f"of {self.runs}", self.missed, low, high, self.runs, aim)


def shortest_target(
    choose: Callable[[float], int], executors: int, between_s: tuple[int, int]
) -> int:
    """Whole seconds from which on a size suffices: the shortest target for which it is chosen.

    :param choose: number of executors for a target, no more of them for a longer one
    :param between_s: targets to look at, ascending
    :raises ValueError: if the size is not chosen for any of them
    """
    first, last = between_s
    targets = range(first, last + 1)
    place = bisect_left(targets, True, key=lambda target_s: choose(target_s) <= executors)
    if place == len(targets) or choose(targets[place]) != executors:
        raise ValueError(f"{executors} executors are chosen for no target of {first} to {last} s")
    return targets[place]


def paired_changes(pairs: Iterable[tuple[Ran, Ran]], seconds: str = "runtime_s") -> list[float]:
    """By how many percent the first of each pair takes more than the second.

    :param seconds: name of what is compared, `Ran.runtime_s` or `Ran.executor_seconds`
    """
    return [100 * (getattr(a, seconds) / getattr(b, seconds) - 1) for a, b in pairs]


def run_figures(name: str, runs: Sequence[Ran]) -> Iterable[Figure]:
    """Runtimes, cost, changes and failed tasks of some runs."""
    yield Figure.of(f"{name}: runtime", "s", [run.runtime_s for run in runs])
    yield Figure.of(f"{name}: cost", "executor-s", [run.executor_seconds for run in runs])
    yield Figure.of(f"{name}: rescales", "per run", [run.rescales for run in runs])
    failed = [run.failed_tasks for run in runs]
    yield Figure.of(f"{name}: tasks failed by themselves", "per run", failed, "= 0")
