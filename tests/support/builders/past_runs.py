"""Past runs and progress made up for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_enel.domain import Component, PastRun, Progress, ScaleOut

NAMES = ("load", "step", "step", "step", "save")


def component(
    position: int,
    key: str,
    occurrence: int = 0,
    added_s: float | None = 10.0,
    executors: int = 4,
    disturbed: bool = False,
    end: int | None = None,
) -> Component:
    end = executors if end is None else end
    return Component(
        position=position,
        key=key,
        occurrence=occurrence,
        job_id=position,
        started_at=0.0,
        finished_at=None if added_s is None else 1.0,
        succeeded=None if added_s is None else True,
        added_s=added_s,
        scale_out=ScaleOut(executors, end, 0.0, (executors + end) / 2),
        disturbed=disturbed,
        stages=(),
    )


def components(
    executors: int, seconds: Sequence[float], names: Sequence[str] = NAMES
) -> tuple[Component, ...]:
    seen: dict[str, int] = {}
    made = []
    for position, (name, added_s) in enumerate(zip(names, seconds, strict=True)):
        made.append(component(position, name, seen.get(name, 0), added_s, executors))
        seen[name] = seen.get(name, 0) + 1
    return tuple(made)


def past_run(
    number: int,
    executors: int,
    seconds: Sequence[float] | None = None,
    names: Sequence[str] = NAMES,
    tail_s: float = 2.0,
) -> PastRun:
    """A run at one size; without seconds each component takes 5 s + 60 s / executors."""
    seconds = [5.0 + 60.0 / executors] * len(names) if seconds is None else seconds
    return PastRun(
        run_id=f"run {number}",
        started_at=1000.0 * number,
        runtime_s=sum(seconds) + tail_s,
        mean_executors=float(executors),
        initial_executors=executors,
        components=components(executors, seconds, names),
    )


def at(
    finished: Sequence[Component] = (),
    running: Component | None = None,
    executors: int = 4,
    elapsed_s: float | None = None,
) -> Progress:
    """Progress after components that took exactly what they added."""
    if elapsed_s is None:
        elapsed_s = sum(c.added_s or 0.0 for c in finished)
    epoch = len(finished)
    return Progress(
        elapsed_s, tuple(finished), running, executors, executors, 0, epoch, (), 0.0, True
    )


def runs_of(made: Component) -> Component:
    """The same component, still running."""
    return replace(made, finished_at=None, succeeded=None, added_s=None)
