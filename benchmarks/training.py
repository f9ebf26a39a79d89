"""What it costs to train the network."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable
from dataclasses import replace

import torch

from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.model import TrainingJob
from airflow_enel.predict.enel.network import EnelNetwork
from airflow_enel.predict.enel.training import fine_tune, newer_examples, train
from airflow_enel.predict.enel.training_examples import JobRuns
from benchmarks.figures import Figure
from benchmarks.generated import SCENARIOS, Job, make_job, make_runs

RUNS = 30
ITERATIONS = 16
STEPS = 100
REPEATS = 5


def measure() -> Iterable[Figure]:
    """From scratch on 30 runs of 35 components, and fine-tuning on one more; one thread."""
    job = _job()
    runs = make_runs(job, SCENARIOS["input"], RUNS + 1, seed=4)
    start = time.perf_counter()
    train([TrainingJob(job.key, tuple(runs[:RUNS]))], seed=0, created_at=0.0)
    elapsed_s = time.perf_counter() - start
    yield Figure.of(f"from scratch on {RUNS} runs of {len(job.parts)}", "s", [elapsed_s], "≤ 30")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure.of("peak memory of the process with torch", "MiB", [peak_mib], "≤ 500")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    examples = newer_examples(JobRuns.of(job.key, runs), RUNS, DEFAULT)
    taken = []
    for _ in range(REPEATS):
        network = EnelNetwork(DEFAULT)
        start = time.perf_counter()
        fine_tune(network, examples[1:2], STEPS)
        taken.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    yield Figure.of(f"fine-tuning, {STEPS} steps on one run", "s", taken, "≤ 0.3")


def _job() -> Job:
    """A job of 35 components."""
    job = make_job(0, 1)
    load, step, merge, *_, save = job.parts
    parts = (load, *(step, merge) * ITERATIONS, step, save)
    return replace(job, parts=parts)
