"""Puts past runs into the metadata DB, as if they had been recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

from airflow_enel.domain import Bounds, PastRun, Run, RunKey
from tests.support.builders import samples


def store_runs(dag_id: str, job_key: str, past_runs: Iterable[PastRun]) -> None:
    """Remember runs of a recurring job."""
    from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - needs the database

    history = SqlHistory()
    for past in past_runs:
        run = Run(
            key=RunKey(dag_id, f"run-{uuid4()}", job_key, -1, 1),
            job_key=job_key,
            application="job.py",
            policy="static",
            bounds=Bounds(1, 64),
            runtime_target_s=None,
            initial_executors=past.initial_executors,
            submitted_at=past.started_at,
            context=past.context,
        )
        history.open_run(run, None)
        history.save_components(run.key.id, past.components)
        ended = samples.outcome(
            started_at=past.started_at,
            ended_at=past.started_at + past.runtime_s,
            runtime_s=past.runtime_s,
            executor_seconds=past.mean_executors * past.runtime_s,
            executors_at_start=past.initial_executors,
            violation_s=None,
        )
        history.finish_run(run.key.id, replace(ended, rescales=0))
