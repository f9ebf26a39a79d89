"""The paper's four MLlib jobs on real executors, at several sizes, on inputs of ×0.5–2; forecast.

Every run leaves a Spark event log; the logs are evaluated as ``airflow enel evaluate`` does.
ENEL_MLLIB_RUNS changes the runs per job (12), ENEL_MLLIB_LOGS names a folder that keeps the logs
and whose logs are not made again.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from airflow_enel.predict.enel.training.schedule import GROWTH
from airflow_enel.predict.evaluation import ALL, summarise, walk_forward
from airflow_enel.predict.registry import BUILT_IN, forecaster_factory
from benchmarks.accuracy.paper_network import paper_makers
from benchmarks.accuracy.published_traces import PAIRS
from benchmarks.accuracy.real_runs import RealRun, finished_logs
from benchmarks.accuracy.scores import compared, of_score
from benchmarks.figures import Figure

RUNS = int(os.environ.get("ENEL_MLLIB_RUNS", "12"))
LOGS = os.environ.get("ENEL_MLLIB_LOGS")
JOBS = ("lr", "mpc", "kmeans", "gbt")
SIZES = (1, 2, 3, 4)
USUAL_ROWS = 1_000_000
SEED = 1


def measure() -> Iterable[Figure]:
    """Errors of every forecaster per job, before the start and in the run."""
    with tempfile.TemporaryDirectory() if LOGS is None else nullcontext(LOGS) as folder:
        logs = Path(folder)
        logs.mkdir(exist_ok=True)
        for run in _runs():
            run.keep_log(logs)
        yield from _figures(logs)


def _runs() -> Iterator[RealRun]:
    """Jobs by turns; sizes at random, as each of them equally often would be in step with time."""
    chance = random.Random(SEED)  # noqa: S311 - which size, not who
    for number in range(RUNS):
        for job in JOBS:
            rows = round(USUAL_ROWS * 2 ** chance.uniform(-1.0, 1.0))
            yield RealRun(
                job=job,
                number=number,
                executors=chance.choice(SIZES),
                memory_mib=512,
                conf={"spark.enel.context.rows": str(rows)},
                script="mllib.py",
                arguments=(f"--job={job}", f"--rows={rows}"),
            )


def _figures(logs: Path) -> Iterable[Figure]:
    from airflow_enel.cli.retraining import enel_makers  # noqa: PLC0415
    from airflow_enel.ingest.evaluation_data import from_paths  # noqa: PLC0415 - imports Airflow

    data = from_paths(finished_logs(logs), None, stages=True)
    for left_out in data.left_out:
        print(f"{left_out.path}: {left_out.reason}", file=sys.stderr)
    series = data.series
    networks = enel_makers(series, None, asked=True) or ()
    simple = [forecaster_factory(name) for name in BUILT_IN if name != "enel"]
    papers = paper_makers(series, GROWTH)
    made = [
        p
        for of_job, *trained in zip(series, networks, papers, strict=True)
        for of_run in walk_forward(of_job, [*simple, *trained])
        for p in of_run
    ]
    for score in summarise(made):
        if score.runs == ALL:
            name = f"MLlib {score.job}, {score.forecaster}, {score.moment}"
            key = (score.job, score.forecaster, score.moment)
            behind = [p for p in made if (p.job, p.forecaster, p.moment) == key]
            yield from of_score(name, score, behind, judged=False)
    yield from compared("MLlib, all jobs", made, PAIRS)
