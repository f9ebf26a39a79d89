"""The history with 100,000 runs in it: how long the last 50 take, and forgetting most of them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from benchmarks.figures import Figure
from tests.support.airflow import server

BIG_JOB: Final = 50_000
JOBS: Final = 50
RUNS: Final = 1_000
DETAILED: Final = 100
"""Of every recurring job, so many of the latest runs have components and decisions."""
COMPONENTS: Final = 20
DECISIONS: Final = 6
REQUESTS: Final = 100
KEPT: Final = 100
_NOON = 1_750_000_000.0
_HOUR_S = 3600.0
_ROWS = 5_000


def measure() -> Iterable[Figure]:
    """One recurring job of 50,000 runs and 50 of 1,000, on SQLite and on PostgreSQL.

    Each answer comes through the real API server without a network, credentials checked.
    """
    for database, environment in server.databases():
        for name, unit, values, aim in server.run_in(environment, "benchmarks.speed.history"):
            yield Figure.of(f"{database}, {name}", unit, values, aim)


def _main() -> list[tuple[str, str, list[float], str]]:
    server.create_tables()
    _fill()
    figures = []
    with server.api_server() as client:
        for name, path, headers in _questions():
            values_ms = sorted(_timed_ms(partial(client.get, path, headers=headers)))
            for share, aim in ((50, ""), (95, "≤ 50")):
                value = values_ms[len(values_ms) * share // 100]
                figures.append((f"{name}, p{share}", "ms", [value], aim))
    for name, arguments in {
        "prune, dry run": ["--dry-run"],
        f"prune to {KEPT} of each job": [],
        "prune, nothing to remove": [],
    }.items():
        start = time.perf_counter()
        with redirect_stdout(StringIO()) as told:
            server.command_line("enel", "prune", "--keep-runs", str(KEPT), "-o", "json", *arguments)
        seconds = time.perf_counter() - start
        removed = sum(line["runs"] for line in json.loads(told.getvalue()))
        figures.append((f"{name} ({removed:,} runs)", "s", [seconds], ""))
    return figures


def _questions() -> Iterator[tuple[str, str, dict[str, str]]]:
    from airflow_enel.history import wire  # noqa: PLC0415 - not before Airflow is configured

    person = server.person()
    for name, dag_id, job_key in (
        ("job of 50,000 runs", "big", "big"),
        ("job of 1,000 runs", "dag-1", "job-1"),
        ("job not run for long", "dag-0", "job-0"),
    ):
        task = server.running_task(dag_id)
        past = f"{wire.PREFIX}/past-runs?dag_id={dag_id}&job_key={job_key}&limit=50"
        yield f"{name}: 50 past runs for a task", past, task
        shown = f"{wire.PREFIX}/dags/{dag_id}/runs?limit=50"
        yield f"{name}: last 50 runs of its DAG", shown, person
        yield f"{name}: its last 50 runs", f"{shown}&job_key={job_key}", person


def _timed_ms(ask: Callable[[], Any]) -> Iterator[float]:
    for number in range(REQUESTS + 5):
        start = time.perf_counter()
        answer = ask()
        taken_ms = (time.perf_counter() - start) * 1e3
        if answer.status_code != 200 or len(answer.json()) < 50:  # noqa: PLR2004
            raise RuntimeError(f"HTTP {answer.status_code}: {answer.text[:300]}")
        if number >= 5:  # noqa: PLR2004 - the first fill caches
            yield taken_ms


def _fill() -> None:
    """Store runs as fast as the database takes them, oldest first as they would have come."""
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session(scoped=False) as session:
        _fill_tables(session)
        # As the database does by itself some time after so many rows have come.
        session.execute(text("ANALYZE"))


def _fill_tables(session: Session) -> None:
    from airflow_enel.history.sql.tables import Job  # noqa: PLC0415

    jobs = [("big", "big", BIG_JOB)]
    jobs += [(f"dag-{n % 5 if n else 0}", f"job-{n}", RUNS) for n in range(JOBS)]
    ids = {}
    for dag_id, job_key, _ in jobs:
        job = Job(dag_id=dag_id, job_key=job_key)
        session.add(job)
        session.flush()
        ids[job_key] = job.id
    for dag_id, job_key, count in jobs:
        _fill_job(session, dag_id, job_key, ids[job_key], count)


def _fill_job(session: Session, dag_id: str, job_key: str, job_id: int, count: int) -> None:
    from airflow_enel.history.sql.tables import (  # noqa: PLC0415
        ComponentRecord,
        DecisionRecord,
        RunRecord,
    )

    rows: dict[Any, list[dict[str, Any]]] = {RunRecord: [], ComponentRecord: [], DecisionRecord: []}
    for number in range(count):
        run = _run(dag_id, job_key, number, count)
        rows[RunRecord].append(_run_row(run, job_id, number))
        if number >= count - DETAILED:
            rows[ComponentRecord] += _component_rows(run)
            rows[DecisionRecord] += _decision_rows(run)
        if len(rows[RunRecord]) >= _ROWS or number == count - 1:
            for table, values in rows.items():
                if values:
                    session.execute(insert(table), values)
                values.clear()


def _run(dag_id: str, job_key: str, number: int, count: int) -> Any:
    from airflow_enel.domain import Bounds, Run, RunKey  # noqa: PLC0415

    # One job was given up long ago: nothing of it is among the latest runs of all.
    ended_at = _NOON - (20 * 365 * 24 * _HOUR_S if job_key == "job-0" else 0.0)
    submitted_at = ended_at - (count - number) * _HOUR_S
    # It has settled on one size; others were tried before.
    size = 4 if number >= count - 200 else 2 + number % 9
    key = RunKey(dag_id, f"scheduled__{job_key}_{number}", "spark", -1, 1)
    return Run(key, job_key, "job.py", "ellis", Bounds(2, 10), 600.0, size, submitted_at)


def _run_row(run: Any, job_id: int, number: int) -> dict[str, Any]:
    from airflow_enel.domain import RunOutcome, RunState  # noqa: PLC0415
    from airflow_enel.history.sql import mapping  # noqa: PLC0415

    state = RunState.FAILED if number % 20 == 0 else RunState.SUCCEEDED
    start = run.submitted_at + 5
    result = RunOutcome(
        state,
        int(state is RunState.FAILED),
        f"app-{run.key.id}",
        start,
        start + 500,
        500.0,
        2000.0,
        run.initial_executors,
        0,
        2,
        0,
        0.0,
        complete=True,
    )
    return _values(mapping.run_record(run, job_id)) | mapping.outcome_values(result)


def _component_rows(run: Any) -> Iterator[dict[str, Any]]:
    from airflow_enel.domain import Component, ScaleOut  # noqa: PLC0415
    from airflow_enel.history.sql import mapping  # noqa: PLC0415

    for position in range(COMPONENTS):
        start = run.submitted_at + 5 + position * 25
        component = Component(
            position=position,
            key=f"treeAggregate at RDDLossFunction.scala:61 #{position % 7:08x}/2",
            occurrence=position // 7,
            job_id=position,
            started_at=start,
            finished_at=start + 25,
            succeeded=True,
            added_s=25.0,
            scale_out=ScaleOut(4, 6, 0.1, 5.0),
            disturbed=False,
            stages=(),
        )
        yield _values(mapping.component_record(run.key.id, component))


def _decision_rows(run: Any) -> Iterator[dict[str, Any]]:
    from airflow_enel.domain import Decision, Progress, Proposal, Step  # noqa: PLC0415
    from airflow_enel.history import wire  # noqa: PLC0415
    from airflow_enel.history.sql import mapping  # noqa: PLC0415

    for epoch in range(DECISIONS):
        progress = replace(Progress.at_start(run.bounds), epoch=epoch)
        proposal = Proposal(4 + epoch % 2, "cheapest in time")
        decision = Decision(epoch, 1, run.submitted_at + epoch, 4, 4 + epoch % 2, 0.1, proposal, ())
        row = mapping.decision_record(run.key.id, wire.brief(Step(progress, None, decision)))
        yield _values(row) | {"status": "accepted", "answer": "", "executors_then": 4}


def _values(record: Any) -> dict[str, Any]:
    return {k: v for k, v in vars(record).items() if not k.startswith("_")}


if __name__ == "__main__":
    figures_of_this = _main()
    sys.stdout.write("\n" + json.dumps(figures_of_this) + "\n")
