"""A recurring Spark SQL job on real executors, at several sizes and inputs: runs, and forecasts.

Every run of the ETL in ``dags_examples`` leaves a Spark event log. The logs are imported into the
history of an Airflow of its own, as ``airflow enel import-history`` does, and evaluated from there
as ``airflow enel evaluate`` does: with ``input_mib`` in the context of the runs, and without.

Of each of two jobs, ``etl`` and ``etl-paced`` (whose tasks read at a limited rate), there are
ENEL_ETL_RUNS runs (20); ENEL_ETL_JOBS names those to run (``etl,etl-paced``), ENEL_ETL_SIZES the
executors (``1,2,3``), ENEL_ETL_SCALES the scale factors (``0.5,0.75,1,2``), ENEL_ETL_KNOWN how
many runs are only learned from (half of them). ENEL_ETL_FOLDER names a folder that keeps tables and
logs; what is there is not made again.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Final

from airflow_enel.domain import JobRuns, PastRun, RunContext
from airflow_enel.predict.evaluation import ALL, Prediction, Score, summarise, walk_forward
from airflow_enel.predict.registry import forecaster_factory, forecaster_names
from benchmarks.accuracy.real_runs import RealRun, finished_logs
from benchmarks.accuracy.scores import compared, errors_of_runs, of_score
from benchmarks.figures import Figure
from dags_examples.jobs.tpch_data import make_tables, size_mib
from tests.support.airflow import server
from tests.support.airflow.settings import settings_of

RUNS = int(os.environ.get("ENEL_ETL_RUNS", "20"))
KNOWN = int(os.environ.get("ENEL_ETL_KNOWN", "0")) or None
FOLDER = os.environ.get("ENEL_ETL_FOLDER")
JOBS: Final[dict[str, tuple[str, ...]]] = {
    "etl": (),
    "etl-paced": ("--rows-per-second", "500000"),
}
"""Arguments of the application by the name of the recurring job."""
CHOSEN = os.environ.get("ENEL_ETL_JOBS", ",".join(JOBS)).split(",")
SIZES: Final = tuple(map(int, os.environ.get("ENEL_ETL_SIZES", "1,2,3").split(",")))
SCALES: Final = tuple(map(float, os.environ.get("ENEL_ETL_SCALES", "0.5,0.75,1,2").split(",")))
_CONF: Final = {
    # A driver lives for a minute: to compile its code better takes longer than that gains.
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC",
}
DAG_ID: Final = "etl"
INPUT: Final = "input_mib"
NETWORK: Final = "enel"
PRIOR: Final = "conditional"
WITHOUT: Final = f" without {INPUT}"
PAIRS: Final = (
    (PRIOR, "ellis", ""),
    (NETWORK, PRIOR, ""),
    (PRIOR, PRIOR + WITHOUT, ""),
    (NETWORK, NETWORK + WITHOUT, ""),
)


def measure() -> Iterable[Figure]:
    """Runtimes, and errors of every forecaster per job, before the start and in the run."""
    with tempfile.TemporaryDirectory() if FOLDER is None else nullcontext(FOLDER) as folder:
        logs = Path(folder).resolve() / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for run in _runs(logs.parent):
            run.keep_log(logs)
        with tempfile.TemporaryDirectory(prefix="enel-bench-") as home:
            settings = settings_of(Path(home), AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING")
            for figure in server.run_in(settings, "benchmarks.accuracy.etl", str(logs)):
                yield Figure(**figure)


def _runs(folder: Path) -> Iterator[RealRun]:
    """Jobs by turns; every size with every scale, in another order each time."""
    settings = {job: _settings(job) for job in CHOSEN}
    for number in range(RUNS):
        for job in CHOSEN:
            executors, scale = next(settings[job])
            tables = make_tables(scale, folder / "tables")
            yield RealRun(
                job=job,
                number=number,
                executors=executors,
                memory_mib=1024,
                conf={**_CONF, f"spark.enel.context.{INPUT}": str(size_mib(tables))},
                script="etl.py",
                arguments=("--tables", str(tables), "--output", str(folder / "report"), *JOBS[job]),
            )


def _settings(job: str) -> Iterator[tuple[int, float]]:
    chance = random.Random(job)  # noqa: S311 - which size, not who
    while True:
        every = list(product(SIZES, SCALES))
        yield from chance.sample(every, len(every))


# In a process of its own, as Airflow reads its settings when it is imported


def _main(logs: Path) -> list[Figure]:
    from airflow_enel.ingest.evaluation_data import from_history  # noqa: PLC0415

    with redirect_stdout(sys.stderr):
        server.create_tables()
        paths = map(str, finished_logs(logs))
        server.command_line("enel", "import-history", "--dag-id", DAG_ID, *paths)
    return list(_figures(from_history(DAG_ID, None, stages=True)))


def _figures(series: Sequence[JobRuns]) -> Iterable[Figure]:
    for job in series:
        yield Figure.of(f"{job.job}: runtime", "s", [run.runtime_s for run in job.runs])
    made = list(_predictions(series))
    for score in summarise(made):
        if score.runs == ALL:
            yield from _score_figures(score, made)
    yield from compared("all jobs", made, PAIRS)


def _predictions(series: Sequence[JobRuns]) -> Iterator[Prediction]:
    """Of all forecasters; those that see a context forecast without it, too."""
    from airflow_enel.cli.retraining import enel_makers  # noqa: PLC0415 - imports Airflow

    simple = [forecaster_factory(name) for name in forecaster_names() if name != NETWORK]
    blind = tuple(_without_input(job) for job in series)
    networks = enel_makers(series, None, asked=True) or ()
    blind_networks = enel_makers(blind, None, asked=True) or ()
    for job, network in zip(series, networks, strict=True):
        for of_run in walk_forward(job, [*simple, network], KNOWN):
            yield from of_run
    prior = forecaster_factory(PRIOR)
    for job, network in zip(blind, blind_networks, strict=True):
        for of_run in walk_forward(job, [prior, network], KNOWN):
            yield from (replace(p, forecaster=p.forecaster + WITHOUT) for p in of_run)


def _without_input(job: JobRuns) -> JobRuns:
    return replace(job, runs=tuple(map(_forget_input, job.runs)))


def _forget_input(run: PastRun) -> PastRun:
    entries = tuple((name, value) for name, value in run.context if name != INPUT)
    return replace(run, context=RunContext(entries))


def _score_figures(score: Score, made: Iterable[Prediction]) -> Iterable[Figure]:
    name = f"{score.job}, {score.forecaster}, {score.moment}"
    key = (score.job, score.forecaster, score.moment)
    behind = [p for p in made if (p.job, p.forecaster, p.moment) == key]
    errors, median = errors_of_runs(behind), score.median_ape_percent
    yield Figure(f"{name}: median APE", "%", median, min(errors), max(errors), len(errors))
    yield from of_score(name, score, behind, judged=False)


if __name__ == "__main__":
    sys.stdout.write(json.dumps([asdict(figure) for figure in _main(Path(sys.argv[1]))]) + "\n")
