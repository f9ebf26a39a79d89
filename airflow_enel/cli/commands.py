"""Handlers of the commands on runs: call the layers below and print what they return."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import asdict, replace
from typing import Any

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console
from rich.table import Table

from airflow_enel.cli.import_table import print_lines
from airflow_enel.cli.output import (
    Advance,
    counted,
    day,
    note,
    nothing_left,
    print_json,
    progress,
    reported_errors,
    reported_interrupt,
    texts,
)
from airflow_enel.control.outcome import outcome
from airflow_enel.domain import ENDED_RUN_STATES, RunState
from airflow_enel.history.interface import UnknownRun
from airflow_enel.history.sql.known_applications import known_applications
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.history.sql.retention import Limits, Removal, Retention
from airflow_enel.ingest.attempts import find_attempts
from airflow_enel.ingest.files import find_files
from airflow_enel.ingest.import_runs import Importer
from airflow_enel.ingest.read_runs import Line, Result, Wanted
from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.eventlog import size_of

_NAMES_SHOWN = 3


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
@reported_interrupt()
def import_history(args: Namespace) -> None:
    """Fill the history of a DAG from Spark event logs."""
    if not args.dag_id.strip() or (args.job_key is not None and not args.job_key.strip()):
        raise SystemExit("--dag-id and --job-key must not be empty")
    since_at = None if args.since is None else args.since.timestamp()
    wanted = Wanted(args.dag_id, args.job_key, since_at)
    files, left_out = find_files(args.paths)
    logs, attempts = find_attempts(files)
    lines = [Line(str(it.path), Result.SKIPPED, it.reason) for it in left_out]
    with reported_errors():
        known = known_applications(args.dag_id)
        history = None if args.dry_run else SqlHistory()
        importer = Importer(wanted, known, history, attempts)
        with progress("event logs", sum(map(size_of, logs))) as advance:
            for log in logs:
                read = _Counted(advance)
                lines.append(importer.add(log, read))
                advance(max(0, size_of(log) - read.total))  # what was not worth reading
    _warn_of_mixtures(importer)
    if args.output == "json":
        print_json(asdict(line) for line in lines)
    else:
        print_lines(lines)
    if all(line.result is Result.SKIPPED for line in lines):
        nothing_left("nothing to import: none of the logs can be used")


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
@reported_interrupt()
def prune(args: Namespace) -> None:
    """Remove old runs from the history."""
    try:
        limits = Limits(args.keep_runs, args.older_than)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    with reported_errors():
        retention = Retention()
        removals = retention.plan(limits, time.time())
        jobs = 0
        if not args.dry_run:
            with progress("runs", sum(len(r.run_ids) for r in removals)) as advance:
                jobs = retention.remove(removals, advance)
    if args.output == "json":
        print_json(_removal_values(removal) for removal in removals)
    else:
        _print_removals(removals, jobs, dry_run=args.dry_run)


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def mark_lost(args: Namespace) -> None:
    """Say that the application of a run is gone, so that a retry may submit another one."""
    history = SqlHistory()
    with reported_errors():
        try:
            row = history.run(args.run)
        except UnknownRun:
            raise SystemExit(
                f"no such run: {args.run[:40]!r}; the log of its task tells its id"
            ) from None
        if row.state in ENDED_RUN_STATES:
            raise SystemExit(f"the run has ended already: {row.state.value}")
        nothing = replace(AgentReader().nothing(), complete=False)
        history.finish_run(row.id, outcome(nothing, None, None, RunState.LOST))
    key = row.run.key
    Console().print(
        f"The run of {key.dag_id} {key.run_id} {key.task_id} is marked as lost; clear the task, "
        "and it submits its application afresh.",
        highlight=False,
    )


def _warn_of_mixtures(importer: Importer) -> None:
    for job, names in importer.applications.items():
        if len(names) > 1:
            told = ", ".join([*names][:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
            note(
                f"{len(names)} applications as one recurring job {job!r}: {told}. Forecasts suffer "
                "unless they are the same: give each a --job-key of its own, or leave it out"
            )


class _Counted:
    """Passes bytes on and remembers how many they were."""

    def __init__(self, advance: Advance) -> None:
        self.total = 0
        self._advance = advance

    def __call__(self, count: int) -> None:
        self.total += count
        self._advance(count)


def _removal_values(removal: Removal) -> dict[str, Any]:
    return asdict(removal) | {"runs": len(removal.run_ids)}


def _print_removals(removals: tuple[Removal, ...], jobs: int, *, dry_run: bool) -> None:
    console = Console()
    runs = sum(len(r.run_ids) for r in removals)
    if removals:
        table = Table("DAG", "job")
        for heading in ("would remove" if dry_run else "removed", "kept"):
            table.add_column(heading, justify="right")
        table.add_column("submitted")
        for r in removals:
            span = f"{day(r.oldest_at)} … {day(r.newest_at)}"
            counts = (str(len(r.run_ids)), str(r.kept))
            table.add_row(*texts(r.dag_id, r.job_key), *counts, span)
        console.print(table)
    if dry_run:
        console.print(f"{counted(runs, 'run')} would be removed")
    else:
        console.print(
            f"{counted(runs, 'run')} removed, {counted(jobs, 'recurring job')} without runs removed"
        )
