"""What guards look at, and the progress of runs that have been changed already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_enel.control.guards import GuardContext
from airflow_enel.domain import Bounds, Plant, Progress, ScaleOut, ScaleRequest
from tests.support.builders.snapshots import START, component, progress

BOUNDS = Bounds(2, 12)
PLANT = Plant(20.0, (4.0, 0.5), (2.0, 0.0), can_shrink=True)


def guard_context(seen: Progress, **changes: Any) -> GuardContext:
    """A context a minute after `START`, without a target."""
    made = GuardContext(seen, None, None, BOUNDS, 30.0, START + 60.0, PLANT, risk=0.05)
    return replace(made, **changes)


def changed(*sizes: tuple[float, int], initial: int = 6, **changes: Any) -> Progress:
    """The progress of a run whose number was changed so many seconds after `START`."""
    requests = tuple(
        ScaleRequest(executors, 1, epoch, START + at)
        for epoch, (at, executors) in enumerate(sizes, 1)
    )
    requested = sizes[-1][1] if sizes else initial
    seen = progress(requested, requests=requests, initial=initial, epoch=len(sizes) + 1)
    return replace(seen, **changes)


def with_sizes(seen: Progress, *sizes: tuple[float, int]) -> Progress:
    """The same with components that finished so many seconds after `START` at these sizes."""
    finished = tuple(
        replace(
            component(position, START + at - 1.0, START + at),
            scale_out=ScaleOut(size, size, 0.0, size),
        )
        for position, (at, size) in enumerate(sizes)
    )
    return replace(seen, finished=finished)
