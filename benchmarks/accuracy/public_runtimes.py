"""Total runtimes of public Spark runs with changing inputs and sizes, foreseen from few of them.

The data are those of Will, Bader and Thamsen ("Towards Collaborative Optimization of Cluster
Configurations for Distributed Dataflow Jobs", 2020). A recurring job is one file and machine type;
its runs come in random order, some are known, the next ones are predicted.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_enel.domain import Bounds, Component, PastRun, Progress, RunContext, ScaleOut
from airflow_enel.predict import BellRuntime, Conditional, Forecaster
from benchmarks.figures import Figure

DATA: Final = Path(__file__).resolve().parents[3] / "shared" / "data" / "c3o"
"""Public runs, beside the project on machines of its developers; not part of it."""
KNOWN: Final = {6: "≤ 25", 12: "≤ 14", 24: "≤ 6.5"}
"""Known runs, and the aim for the mean error over the files in percent."""
ORDERS: Final = 10
AHEAD: Final = 10
LEAST_RUNS: Final = 100
"""Of a file and machine type; types with fewer have one input only."""
_NO_NUMBERS: Final = ("instance_count", "machine_type", "slots", "memory", "gross_runtime")


@dataclass(frozen=True, slots=True)
class PublicRun:
    """One run: executors, size and parameters of its input, and how long it took."""

    executors: int
    context: RunContext
    runtime_s: float

    def past(self, number: int) -> PastRun:
        """The run as forecasters learn from it, with the whole of it as its only component."""
        began, size = 1e6 * number, self.executors
        component = Component(
            position=0,
            key="run",
            occurrence=0,
            job_id=0,
            started_at=began,
            finished_at=began + self.runtime_s,
            succeeded=True,
            added_s=self.runtime_s,
            scale_out=ScaleOut(size, size, 0.0, float(size)),
            disturbed=False,
            stages=(),
        )
        return PastRun(str(number), began, self.runtime_s, size, size, (component,), self.context)


def measure() -> Iterable[Figure]:
    """Errors with some runs known; minimum and maximum are those of the files."""
    files = sorted(DATA.glob("*.tsv"))
    if not files:
        print("  left out: the public runtimes are absent", file=sys.stderr)
        return
    jobs = {file.stem: jobs_of(file) for file in files}
    for known, aim in KNOWN.items():
        for make in (BellRuntime, Conditional):
            errors = [_error(name, of_file, known, make) for name, of_file in jobs.items()]
            mean = sum(errors) / len(errors)
            name = f"{make().name}, {known} known: mean error"
            judged = aim if make is Conditional else ""
            yield Figure(name, "%", mean, min(errors), max(errors), len(errors), judged)
            if make is Conditional:
                for file, error in zip(jobs, errors, strict=True):
                    yield Figure(f"{file}, {known} known", "%", error, error, error, ORDERS)


def jobs_of(file: Path) -> dict[str, list[PublicRun]]:
    """Runs of every machine type with enough of them."""
    jobs: defaultdict[str, list[PublicRun]] = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            numbers = {name: float(row[name]) for name in row if name not in _NO_NUMBERS}
            run = PublicRun(
                int(row["instance_count"]), RunContext.of(numbers), float(row["gross_runtime"])
            )
            jobs[row["machine_type"]].append(run)
    return {machine: runs for machine, runs in sorted(jobs.items()) if len(runs) >= LEAST_RUNS}


def _error(
    name: str, jobs: Mapping[str, Sequence[PublicRun]], known: int, make: type[Forecaster]
) -> float:
    errors = []
    for machine, runs in jobs.items():
        for order in range(ORDERS):
            chance = random.Random(f"{name} {machine} {order}")  # noqa: S311 - an order of runs
            chosen = chance.sample(runs, known + AHEAD)
            past = [run.past(number) for number, run in enumerate(chosen[:known])]
            fitted = make().fit(past)
            errors += [_error_of(run, fitted) for run in chosen[known:]]
    return 100 * sum(errors) / len(errors)


def _error_of(run: PublicRun, fitted: Forecaster) -> float:
    bounds = Bounds(run.executors, run.executors)
    forecast = fitted.predict(Progress.at_start(bounds, run.context), bounds)
    if forecast is None:
        raise ValueError("a forecaster that has seen runs must forecast")
    return abs(forecast.median(run.executors) / run.runtime_s - 1)
