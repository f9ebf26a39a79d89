"""The recorded runs of one recurring job, as arguments of a command name them."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from airflow_enel.cli.import_table import reasons
from airflow_enel.cli.output import note, nothing_left, reported_errors
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain import RecordedRun
from airflow_enel.ingest.recorded_runs import (
    RecordedJobs,
    recorded_in_history,
    recorded_in_logs,
)
from airflow_enel.simulation.past import LATEST_RUNS

MOST_RUNS: Final = 1000


def recorded_runs(args: Namespace, runs: int) -> tuple[RecordedRun, ...]:
    """The runs of the job that paths, ``--dag-id`` and ``--job-key`` name, oldest first.

    :param runs: wanted from the history, beside those that they have learned from
    :raises SystemExit: 2, with one line that says what to do, if it is not one job with runs
    """
    if bool(args.paths) == (args.dag_id is not None):
        nothing_left("give either paths of event logs, or --dag-id")
    if args.dag_id is None:
        found, where = recorded_in_logs(args.paths, args.job_key), "these files"
        for text in reasons(("left out", str(it.path), it.reason) for it in found.left_out):
            note(text)
    else:
        with reported_errors():
            limit = min(runs, MOST_RUNS) + LATEST_RUNS
            found = recorded_in_history(args.dag_id, args.job_key, limit)
        where = f"the history of the DAG {args.dag_id!r}"
    return _only_job(found, where, args.job_key)


def target_of(text: str | None) -> float | None:
    """Seconds of ``--target``.

    :raises SystemExit: 2, if it is no duration
    """
    try:
        return parse_runtime_target(text)
    except ValueError as error:
        nothing_left(f"--target: {error}")


def _only_job(found: RecordedJobs, where: str, job_key: str | None) -> tuple[RecordedRun, ...]:
    jobs = {job: runs for job, runs in found.jobs.items() if runs}
    if not jobs:
        job = "" if job_key is None else f" of the job {job_key!r}"
        nothing_left(f"no run{job} has succeeded in {where}")
    if len(jobs) > 1:
        nothing_left(f"{where} has several jobs, name one by --job-key: {', '.join(jobs)}")
    (runs,) = jobs.values()
    return runs
