"""The past of a simulated recurring job, and which runs of it are learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_enel.history.interface import RUNS_PER_OTHER_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import PastRun

LATEST_RUNS: Final = 50


def runs_to_learn_from(past_runs: Sequence[PastRun], limit: int = LATEST_RUNS) -> list[PastRun]:
    """The runs that the history would give, see `History.past_runs`.

    :param past_runs: all of them, oldest first
    """
    latest = list(past_runs[-limit:])
    known = {run.initial_executors for run in latest}
    others: list[PastRun] = []
    counts: dict[int, int] = {}
    for run in reversed(past_runs[:-limit]):
        size = run.initial_executors
        if size not in known and counts.get(size, 0) < RUNS_PER_OTHER_SIZE:
            counts[size] = counts.get(size, 0) + 1
            others.append(run)
    return [*reversed(others[:limit]), *latest]


def without_stages(run: PastRun) -> PastRun:
    """A past run as forecasters get it that do not read stages."""
    return replace(run, components=tuple(replace(c, stages=()) for c in run.components))
