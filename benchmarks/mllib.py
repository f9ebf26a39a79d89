"""The paper's four MLlib jobs on real executors, several times at several sizes, and forecast.

Every run leaves a Spark event log; the logs are evaluated as ``airflow enel evaluate`` does.
ENEL_MLLIB_RUNS changes the runs per job (12), ENEL_MLLIB_LOGS names a folder that keeps the logs
and whose logs are not made again.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

from benchmarks.figures import Figure

RUNS = int(os.environ.get("ENEL_MLLIB_RUNS", "12"))
LOGS = os.environ.get("ENEL_MLLIB_LOGS")
JOBS = ("lr", "mpc", "kmeans", "gbt")
SIZES = (1, 2, 3, 4)
SEED = 1
_APPLICATION = Path(__file__).resolve().parents[1] / "dags_examples" / "jobs" / "mllib.py"


def measure() -> Iterable[Figure]:
    """Errors of every forecaster per job, before the start and in the run."""
    with tempfile.TemporaryDirectory() if LOGS is None else nullcontext(LOGS) as folder:
        logs = Path(folder)
        logs.mkdir(exist_ok=True)
        for job, executors, number in _runs():
            marker = logs / f"{job}-{number}"
            if not marker.exists():
                print(
                    f"  {job}, run {number + 1} of {RUNS}, {executors} executors", file=sys.stderr
                )
                _run(job, executors, marker)
        yield from _figures(logs)


def _runs() -> Iterable[tuple[str, int, int]]:
    """Jobs by turns; sizes at random, as each of them equally often would be in step with time."""
    chance = random.Random(SEED)  # noqa: S311 - which size, not who
    return [(job, chance.choice(SIZES), number) for number in range(RUNS) for job in JOBS]


def _run(job: str, executors: int, folder: Path) -> None:
    spark = Path(os.environ.get("SPARK_HOME", ".spark/pyspark")).resolve()
    draft = folder.with_name(f".{folder.name}")
    draft.mkdir(exist_ok=True)
    result = subprocess.run(
        [
            str(spark / "bin/spark-submit"),
            f"--master=local-cluster[{executors},1,512]",
            f"--name={job}",
            "--conf=spark.executor.memory=512m",
            "--conf=spark.ui.enabled=false",
            "--conf=spark.eventLog.enabled=true",
            f"--conf=spark.eventLog.dir={draft.as_uri()}",
            str(_APPLICATION),
            f"--job={job}",
        ],
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"{job} failed: {result.stderr[-2000:]}")
    draft.rename(folder)


def _figures(logs: Path) -> Iterable[Figure]:
    from airflow_enel.cli.evaluating import FORECASTERS  # noqa: PLC0415 - imports Airflow
    from airflow_enel.cli.evidence import from_paths  # noqa: PLC0415
    from airflow_enel.predict.evaluation import summarise, walk_forward  # noqa: PLC0415

    folders = sorted(path for path in logs.iterdir() if not path.name.startswith("."))
    series = from_paths(folders, None, lambda note: print(note, file=sys.stderr))
    makers = list(FORECASTERS.values())
    made = [p for of_job in series for of_run in walk_forward(of_job, makers) for p in of_run]
    for score in summarise(made):
        if score.runs == "all":
            name = f"MLlib {score.job}, {score.forecaster}, {score.moment}: MAPE"
            errors = [
                100 * abs(p.predicted_s / p.actual_s - 1)
                for p in made
                if (p.job, p.forecaster, p.moment) == (score.job, score.forecaster, score.moment)
            ]
            mean = score.mape_percent
            yield Figure(name, "%", mean, min(errors), max(errors), score.predictions)
