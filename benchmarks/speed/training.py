"""What it costs to train the network, in a process that does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable

import torch

from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.training.examples import TrainingRuns, walk_forward_examples
from airflow_enel.predict.enel.training.optimisation import batches
from airflow_enel.predict.enel.training.torch_network import EnelNetwork
from airflow_enel.predict.enel.training.trainer import fine_tune, train
from benchmarks.figures import Figure
from benchmarks.speed.memory import peak_mb
from tests.support.builders.recurring_jobs import SCENARIOS, long_job, make_runs

RUNS = 30
STEPS = 100
TRAININGS = 3
REPEATS = 5


def measure() -> Iterable[Figure]:
    """From scratch on 30 runs of 35 components, and fine-tuning on one more; one thread."""
    measured = [_run() for _ in range(TRAININGS)]
    name = f"from scratch on {RUNS} runs of {len(long_job().parts)}"
    yield Figure.of(name, "s", [seconds for seconds, _ in measured], "≤ 10")
    peaks_mb = [memory_mb for _, memory_mb in measured]
    yield Figure.of(f"{name}, peak RSS", "MB", peaks_mb, "≤ 450")
    yield Figure.of(f"fine-tuning, {STEPS} steps on one run", "s", _fine_tuning(), "≤ 0.15")


def _run() -> tuple[float, float]:
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.training"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory_mb = json.loads(result.stdout)
    return float(seconds), float(memory_mb)


def _from_scratch() -> tuple[float, float]:
    """Seconds, and the peak of all memory of this process, torch and the runs included."""
    job = long_job()
    known = JobRuns(job.key, tuple(make_runs(job, SCENARIOS["input"], RUNS, seed=4)))
    start = time.perf_counter()
    train([known], seed=0, created_at=0.0)
    return time.perf_counter() - start, peak_mb()


def _fine_tuning() -> list[float]:
    job, taken = long_job(), []
    runs = make_runs(job, SCENARIOS["input"], RUNS + 1, seed=4)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    examples = list(
        walk_forward_examples(TrainingRuns.of(JobRuns(job.key, tuple(runs))), RUNS, DEFAULT)
    )
    for _ in range(REPEATS):
        network = EnelNetwork(DEFAULT)
        start = time.perf_counter()
        fine_tune(network, batches(examples[1:2], network), STEPS)
        taken.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return taken


if __name__ == "__main__":
    print(json.dumps(_from_scratch()))
