# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""Policy ``enel`` against a static size from the same history, when a run differs from its past.

The past are undisturbed runs at several sizes. In every run that counts, the input doubles after a
third of the iterations, and an executor is killed there. The static size is the cheapest that
misses the target with the accepted risk by the forecast before the start: that with which policy
``enel-risk`` starts. The target is the shortest one for which that is :data:`EXPECTED`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.real_spark.runs import PacedJob, Ran, RealSpark
from benchmarks.real_spark.summary import Misses, paired_changes, run_figures, shortest_target

MOST: Final = 8
"""``max_executors``."""
JOB: Final = PacedJob(iterations=36, tasks=48, task_s=0.25)
DISTURBED: Final = replace(JOB, doubled=(JOB.iterations // 3, JOB.iterations))
HISTORY: Final = (
    ("static", 8),
    ("static", 4),
    ("static", 3),
    ("utilization", 3),
    ("static", 2),
    ("static", 4),
)
"""Policy and executors of the past runs; those that grow show how soon executors come."""
EXPECTED: Final = 3
"""The static size."""
TARGETS_S: Final = (40, 240)
"""The shortest and the longest target to look at."""
_PAST: Final = "past"
_log: Any = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs with the same disturbance and the same past."""

    enel: Ran
    static: Ran


@dataclass(frozen=True, slots=True)
class Paired:
    """A series.

    :param static_reason: why the static size was chosen
    """

    history: tuple[Ran, ...]
    target_s: int
    static_executors: int
    static_reason: str
    pairs: tuple[Pair, ...] = ()

    def figures(self) -> Iterable[Figure]:
        """What the series has shown."""
        for name, aim in (("enel", "≤ 2 of 20"), ("static", "≥ 15 of 20")):
            runs = [getattr(pair, name) for pair in self.pairs]
            yield Misses.of(runs).figure(f"disturbed, {name}", aim)
            yield from run_figures(f"disturbed, {name}", runs)
        changes = paired_changes((pair.enel, pair.static) for pair in self.pairs)
        yield Figure.of("disturbed, enel: runtime against static", "%", changes)


def run_paired(spark: RealSpark, pairs: int) -> Iterator[Paired]:
    """Make the history, then pair after pair; yield the series so far after each."""
    history = tuple(_past_run(spark, n, *made) for n, made in enumerate(HISTORY))
    target_s = shortest_target(lambda s: _static_size(spark, s)[0], EXPECTED, TARGETS_S)
    size, reason = _static_size(spark, target_s)
    series = Paired(history, target_s, size, reason)
    print(f"target {target_s} s; static {size}: {reason}", file=sys.stderr, flush=True)
    for number in range(pairs):
        runs: dict[str, Ran] = {}
        for policy in ("enel", "static") if number % 2 else ("static", "enel"):
            given = size if policy == "static" else None
            runs[policy] = _disturbed_run(spark, number, policy, given, target_s)
        series = replace(series, pairs=(*series.pairs, Pair(runs["enel"], runs["static"])))
        yield series


def _past_run(spark: RealSpark, number: int, policy: str, executors: int) -> Ran:
    options = {"num_executors": executors, "max_executors": MOST}
    ran = spark.run(JOB, _PAST, f"run-{number}", number, policy=policy, **options)
    print(f"past {number + 1}: {replace(ran, decisions=())}", file=sys.stderr, flush=True)
    return ran


def _static_size(spark: RealSpark, target_s: float) -> tuple[int, str]:
    """The size with which ``enel-risk`` would start, and its reason."""
    from airflow_enel.control.decide import first_step
    from airflow_enel.execution.scaling_config import job_past, scaling_config

    options = {"policy": "enel-risk", "max_executors": MOST, "runtime_target": target_s}
    request = spark.task(JOB, _PAST, "next", 0, **options).request
    past = job_past(spark.history(), request, _log)
    step = first_step(scaling_config(request, past, 1), past.runs, None, time.time())
    return step.decision.executors, step.decision.reason


def _disturbed_run(
    spark: RealSpark, number: int, policy: str, executors: int | None, target_s: float
) -> Ran:
    dag_id = f"{policy}-{number}"
    spark.copy_runs(_PAST, dag_id)
    ran = spark.run(
        DISTURBED,
        dag_id,
        "disturbed",
        len(HISTORY) + number,
        kill_after=DISTURBED.doubled[0],
        policy=policy,
        num_executors=executors,
        max_executors=MOST,
        runtime_target=target_s,
    )
    brief = replace(ran, decisions=())
    print(f"pair {number + 1}: {brief}", file=sys.stderr, flush=True)
    return ran
