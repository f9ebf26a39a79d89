"""Policy ``utilization`` against the constant size at which it starts.

``growing`` starts with too few executors for long, wide iterations; ``shrinking`` with more than
its few tasks can use. Neither has a past or a target.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.figures import Figure
from benchmarks.real_spark.runs import PacedJob, Ran, RealSpark
from benchmarks.real_spark.summary import paired_changes, run_figures

MOST: Final = 8
"""``max_executors``."""
JOBS: Final = {
    "growing": PacedJob(iterations=16, tasks=48, task_s=0.4),
    "shrinking": PacedJob(iterations=16, tasks=6, task_s=2.0),
}
START: Final = {"growing": 2, "shrinking": MOST}
"""Executors of the constant size, and at the start."""
AIMS: Final = {"growing": ("≤ −40", ""), "shrinking": ("≤ 5", "≤ −30")}
"""Of the changes of runtime and of executor-seconds."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs from the same number of executors."""

    utilization: Ran
    static: Ran


@dataclass(frozen=True, slots=True)
class Utilization:
    """A series.

    :param pairs: by job
    """

    pairs: Mapping[str, tuple[Pair, ...]]

    def figures(self) -> Iterable[Figure]:
        """What the series has shown."""
        for job, pairs in self.pairs.items():
            for policy in ("utilization", "static"):
                yield from run_figures(f"{job}, {policy}", [getattr(p, policy) for p in pairs])
            both = [(pair.utilization, pair.static) for pair in pairs]
            longer, dearer = AIMS[job]
            yield Figure.of(f"{job}: change of runtime", "%", paired_changes(both), longer)
            cost = paired_changes(both, "executor_seconds")
            yield Figure.of(f"{job}: change of executor-seconds", "%", cost, dearer)


def run_utilization(spark: RealSpark, repetitions: int) -> Iterator[Utilization]:
    """Run pair after pair of each job; yield the series so far after each."""
    found: dict[str, tuple[Pair, ...]] = {}
    for number in range(repetitions):
        for job in JOBS:
            runs = {
                policy: _run(spark, job, policy, number)
                for policy in (
                    ("utilization", "static") if number % 2 else ("static", "utilization")
                )
            }
            found[job] = (*found.get(job, ()), Pair(**runs))
            yield Utilization(dict(found))


def _run(spark: RealSpark, job: str, policy: str, number: int) -> Ran:
    options = {"num_executors": START[job], "max_executors": MOST}
    ran = spark.run(JOBS[job], f"{job}-{policy}-{number}", "now", number, policy=policy, **options)
    print(f"{job} {number + 1}: {replace(ran, decisions=())}", file=sys.stderr, flush=True)
    return ran
