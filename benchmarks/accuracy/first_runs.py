"""How the first ten runs of a new job fare: no run is profiled, each policy learns by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from airflow_enel.simulation.campaign import Experiment, simulate
from airflow_enel.simulation.figures import RunFigures
from airflow_enel.simulation.job_file import PAPER_JOBS, find_job
from airflow_enel.simulation.mode import find_mode
from airflow_enel.simulation.protocol import Protocol
from benchmarks.figures import Figure

POLICIES: Final = ("enel", "ellis", "static-maximum", "oracle")
RUNS: Final = 10
SERIES: Final = 3
"""Of each of the paper's jobs."""
SEED: Final = 901


def measure() -> Iterable[Figure]:
    """Violations and executor-minutes, per policy, on the same noise."""
    experiment = Experiment(
        POLICIES,
        tuple(map(find_job, PAPER_JOBS)),
        find_mode("elastic"),
        SERIES,
        SEED,
        Protocol(RUNS, profiling=0, failing=()),
    )
    by_policy: defaultdict[str, list[tuple[RunFigures, ...]]] = defaultdict(list)
    for series in simulate(experiment):
        by_policy[series.policy].append(series.runs)
    for policy, found in by_policy.items():
        missed = [float(sum(run.violation_s > 0 for run in runs)) for runs in found]
        late = [sum(run.violation_s for run in runs) / 60 for runs in found]
        cost = [sum(run.executor_seconds for run in runs) / 60 / RUNS for runs in found]
        for name, unit, values in (
            ("violations", "of 10", missed),
            ("sum of violations", "min", late),
            ("executor-minutes per run", "min", cost),
        ):
            mean = sum(values) / len(values)
            title = f"first {RUNS} runs, {policy}, {name}, mean"
            yield Figure(title, unit, mean, min(values), max(values), len(values))
