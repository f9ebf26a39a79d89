"""Computes tasks in several processes, keeps each result, and reports the remaining time."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Console

from benchmarks.experiments.cache import ResultCache
from benchmarks.experiments.tasks import Task

REPORT_EVERY_S: Final = 10.0
INTERRUPTED: Final = 130  # 128 and the number of the signal


@dataclass(frozen=True, slots=True)
class Computed:
    """A result.

    :param cpu_s: CPU seconds that it took when it was computed
    """

    result: Any
    cpu_s: float


@dataclass(slots=True)
class RemainingTime:
    """Estimates how long tasks still take, by how long those took that are done.

    :param total_s: expected seconds of all of them
    :param started_at: when they were begun
    """

    total_s: float
    started_at: float
    done_s: float = 0.0

    def at(self, now: float) -> float | None:
        """Seconds that are left; None while nothing is done."""
        if not self.done_s:
            return None
        return (self.total_s - self.done_s) / self.done_s * (now - self.started_at)


@dataclass(slots=True)
class Reporter:
    """Prints how far the tasks are, at most every `REPORT_EVERY_S`."""

    remaining: RemainingTime
    total: int
    done: int = 0
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    reported_at: float = 0.0

    def advance(self, task: Task, now: float) -> None:
        """One more is done."""
        self.done += 1
        self.remaining.done_s += task.expected_s
        if self.done == self.total or now - self.reported_at >= REPORT_EVERY_S:
            self.reported_at = now
            left_s = self.remaining.at(now) or 0.0
            self.console.print(f"{self.done} of {self.total} computed, {in_words(left_s)} left")


def run_tasks(tasks: Sequence[Task], cache: ResultCache, processes: int) -> list[Computed]:
    """Compute what the cache does not hold; the results come in the order of the tasks.

    :raises SystemExit: on Ctrl-C; what is done by then is kept
    """
    found = {task: cache.get(task.inputs()) for task in tasks}
    # The longest first, so that no process waits long for another at the end.
    missing = sorted((t for t in found if found[t] is None), key=lambda t: -t.expected_s)
    if missing:
        _note(f"{len(found) - len(missing)} of {len(found)} results are there already")
    now = time.monotonic()
    reporter = Reporter(RemainingTime(sum(t.expected_s for t in missing), now), len(missing))
    try:
        for task, computed in _computed(missing, processes):
            cache.put(task.inputs(), computed)
            found[task] = computed
            reporter.advance(task, time.monotonic())
    except KeyboardInterrupt:
        _note(f"interrupted: {reporter.done} of {len(missing)} are kept; the same command goes on")
        sys.exit(INTERRUPTED)
    return [Computed(**found[task]) for task in tasks]


def in_words(seconds: float) -> str:
    """A time as one says it."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"  # noqa: PLR2004


def _computed(tasks: Sequence[Task], processes: int) -> Iterator[tuple[Task, Any]]:
    if processes <= 1 or len(tasks) <= 1:
        yield from map(_compute, tasks)
        return
    # Leaving the pool ends its processes at once, whatever they are doing.
    with multiprocessing.get_context("spawn").Pool(min(processes, len(tasks))) as pool:
        yield from pool.imap_unordered(_compute, tasks)


def _compute(task: Task) -> tuple[Task, Any]:
    begin = time.process_time()
    result = task.compute()
    return task, {"result": result, "cpu_s": time.process_time() - begin}


def _note(text: str) -> None:
    Console(stderr=True, highlight=False).print(text)
