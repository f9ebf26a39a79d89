"""``airflow enel evaluate --explain``: what explains the runtimes of each job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from airflow_enel.cli.output import note, nothing_left, print_json, texts
from airflow_enel.domain import JobRuns
from airflow_enel.predict.variance_shares import LEAST_RUNS, VarianceShares, variance_shares


def print_shares(jobs: Sequence[JobRuns], output: str) -> None:
    """Print the shares of jobs with enough runs, as a table or as JSON."""
    found = []
    for job in jobs:
        shares = variance_shares(job)
        if shares is None:
            note(f"{job.job}: fewer than {LEAST_RUNS} runs that can be forecast explain nothing")
        else:
            found.append(shares)
    if not found:
        nothing_left("nothing to explain")
    if output == "json":
        print_json(asdict(shares) for shares in found)
        return
    console = Console()
    console.print(_table(found))
    console.print("Percent of the variance of log runtimes, each on top of those to its left.")


def _table(found: Iterable[VarianceShares]) -> Table:
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("job", overflow="fold")
    for heading in ("runs", "size", "context", "calendar", "half way", "unexplained"):
        table.add_column(heading, justify="right", no_wrap=True)
    for of in found:
        parts = (of.size, of.context, of.calendar, of.progress, of.unexplained)
        table.add_row(*texts(of.job), str(of.runs), *(f"{100 * part:.0f}" for part in parts))
    return table
