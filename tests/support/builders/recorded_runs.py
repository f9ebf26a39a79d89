"""Recorded runs for replays and fits: simulated ones, and some made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from airflow_enel.domain import Bounds, PastRun, RecordedRun, RunKey
from airflow_enel.simulation.past import without_stages
from airflow_enel.simulation.series import Series, SeriesPlan
from tests.support.builders import samples
from tests.support.builders.past_runs import past_run


def recorded_series(plan: SeriesPlan) -> tuple[RecordedRun, ...]:
    """What a history would hold of a simulated series."""
    return tuple(
        RecordedRun(run.run, run.outcome, without_stages(run.past).components, run.past.requests)
        for run in Series(plan).runs()
    )


def recorded(past: PastRun, *, lost: int = 0, **changes: Any) -> RecordedRun:
    """A past run with a target of 60 s and bounds from 1 to 8.

    :param changes: of the run
    """
    run = samples.run(
        key=RunKey("sales", past.run_id, "spark", -1, 1),
        bounds=Bounds(1, 8),
        runtime_target_s=60.0,
        initial_executors=past.initial_executors,
        submitted_at=past.started_at,
        context=past.context,
    )
    outcome = samples.outcome(
        started_at=past.started_at,
        ended_at=past.started_at + past.runtime_s,
        runtime_s=past.runtime_s,
        executor_seconds=past.mean_executors * past.runtime_s,
        executors_at_start=past.initial_executors,
        executors_lost=lost,
        rescales=0,
    )
    return RecordedRun(replace(run, **changes), outcome, past.components)


def runs_of_sizes(sizes: Sequence[int], **changes: Any) -> tuple[RecordedRun, ...]:
    """A run of each size, of which five components take 5 s + 60 s / size, and 2 s at the end."""
    return tuple(recorded(past_run(n, size), **changes) for n, size in enumerate(sizes, 1))
