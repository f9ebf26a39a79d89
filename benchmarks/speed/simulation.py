"""What it takes to simulate one campaign: 65 runs of each of the paper's four jobs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from airflow_enel.simulation.campaign import Experiment, simulate
from airflow_enel.simulation.job_file import PAPER_JOBS, find_job
from airflow_enel.simulation.mode import find_mode
from benchmarks.figures import Figure
from benchmarks.speed.memory import peak_mb

MODE: Final = "elastic"
CAMPAIGNS: Final = 3
AIMS_S: Final = {"enel": "≤ 60", "bell": "≤ 5", "ellis": "≤ 60", "oracle": "≤ 10"}
"""By policy."""


def measure() -> Iterable[Figure]:
    """One campaign after the other, each with other noise and in a process of its own."""
    for policy, aim in AIMS_S.items():
        measured = [_run(policy, seed) for seed in range(CAMPAIGNS)]
        name = f"campaign of 220 runs, {policy}"
        yield Figure.of(f"{name}, CPU", "s", [one.cpu_s for one in measured], aim)
        yield Figure.of(f"{name}, clock", "s", [one.clock_s for one in measured])
        yield Figure.of(f"{name}, peak RSS", "MB", [one.peak_mb for one in measured], "≤ 1,000")


@dataclass(frozen=True, slots=True)
class _Taken:
    """By one campaign; memory is that of its whole process."""

    cpu_s: float
    clock_s: float
    peak_mb: float


def _run(policy: str, seed: int) -> _Taken:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.simulation", policy, str(seed)],
        capture_output=True,
        text=True,
        check=True,
    )
    return _Taken(*json.loads(result.stdout))


def _campaign(policy: str, seed: int) -> tuple[float, float, float]:
    experiment = Experiment((policy,), tuple(map(find_job, PAPER_JOBS)), find_mode(MODE), 1, seed)
    cpu_s, clock_s = time.process_time(), time.monotonic()
    runs = sum(len(series.adaptive) for series in simulate(experiment))
    if runs != experiment.protocol.adaptive * len(PAPER_JOBS):
        raise RuntimeError(f"simulated {runs} runs")
    return time.process_time() - cpu_s, time.monotonic() - clock_s, peak_mb()


if __name__ == "__main__":
    print(json.dumps(_campaign(sys.argv[1], int(sys.argv[2]))))
