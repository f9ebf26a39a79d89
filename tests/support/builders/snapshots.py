"""Readings of an application, made from events in the order of its stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from airflow_enel.domain import (
    Component,
    ExecutorSpan,
    Forecast,
    PastRun,
    Progress,
    ScaleOut,
    ScaleRequest,
    Snapshot,
)

START = 1_000_000.0

EMPTY = Snapshot(
    app_id="app-1",
    app_name="job",
    spark_version="4.0.0",
    started_at=START,
    ended_at=None,
    read_at=START,
    complete=True,
    initial_executors=4,
    components=(),
    executors=(),
    requests=(),
)


def component(position: int, started_at: float, finished_at: float | None = None) -> Component:
    return Component(
        position=position,
        key="step",
        occurrence=position,
        job_id=position,
        started_at=started_at,
        finished_at=finished_at,
        succeeded=None if finished_at is None else True,
        added_s=None if finished_at is None else finished_at - started_at,
        scale_out=ScaleOut(4, 4, 0.0, 4.0),
        disturbed=False,
        stages=(),
    )


def executor(number: int, added_at: float = START, **ends: Any) -> ExecutorSpan:
    return ExecutorSpan(str(number), f"host-{number}", 2, added_at, **ends)


def request(executors: int, epoch: int, requested_at: float, try_number: int = 1) -> ScaleRequest:
    return ScaleRequest(executors, try_number, epoch, requested_at)


def snapshot(
    finished: int = 0,
    running: bool = True,
    executors: int = 4,
    requests: Sequence[ScaleRequest] = (),
    read_at: float | None = None,
) -> Snapshot:
    """Components of 10 s one after another, from the start."""
    parts = [component(n, START + 10 * n, START + 10 * n + 10) for n in range(finished)]
    if running:
        parts.append(component(finished, START + 10 * finished))
    return replace(
        EMPTY,
        read_at=START + 10 * finished if read_at is None else read_at,
        components=tuple(parts),
        executors=tuple(executor(n) for n in range(executors)),
        requests=tuple(requests),
    )


def progress(executors: int = 6, elapsed_s: float = 100.0, **changes: Any) -> Progress:
    made = Progress(
        elapsed_s=elapsed_s,
        finished=(component(0, START, START + elapsed_s),),
        running=None,
        executors=executors,
        requested=executors,
        lost=0,
        epoch=1,
        requests=(),
        age_s=0.0,
        complete=True,
    )
    return replace(made, **changes)


def forecast(median_s: dict[int, float], log_sd: float = 0.1) -> Forecast:
    sizes = tuple(sorted(median_s))
    return Forecast("test", sizes, tuple(median_s[s] for s in sizes), (log_sd,) * len(sizes))


def past_run(number: int, initial_executors: int, runtime_s: float = 100.0) -> PastRun:
    return PastRun(
        run_id=str(number),
        started_at=START + 1000 * number,
        runtime_s=runtime_s,
        mean_executors=float(initial_executors),
        initial_executors=initial_executors,
        components=(
            replace(
                component(0, START, START + runtime_s),
                scale_out=ScaleOut(initial_executors, initial_executors, 0.0, initial_executors),
            ),
        ),
    )


EVENTS = ("begin", "finish", "add", "lose", "drain", "remove", "request")


@st.composite
def histories(draw: st.DrawFn) -> list[Snapshot]:
    """An application after each event of a random stream; clocks tick in whole milliseconds."""
    now = START
    latest = replace(EMPTY, initial_executors=draw(st.sampled_from([None, 1, 2, 4])))
    made = [latest]
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(EVENTS), st.sampled_from([0.0, 0.001, 5.0]), st.integers(0, 8)
            ),
            max_size=40,
        )
    )
    for event, passed_s, number in steps:
        now += passed_s
        latest = replace(apply(latest, event, now, number), read_at=now)
        made.append(latest)
    return made


def apply(before: Snapshot, event: str, now: float, number: int) -> Snapshot:
    """The reading after one more event; one that cannot happen changes nothing."""
    parts, spans = before.components, before.executors
    if event == "begin":
        return replace(before, components=(*parts, component(len(parts), now)))
    if event == "finish":
        running = [c for c in parts if c.finished_at is None]
        chosen = running[number % len(running)] if running else None
        done = tuple(
            replace(c, finished_at=now, succeeded=True, added_s=1.0) if c is chosen else c
            for c in parts
        )
        return replace(before, components=done)
    if event == "add":
        return replace(before, executors=(*spans, executor(len(spans), now)))
    if event == "request":
        asked = request(number, len(parts), now)
        return replace(before, requests=(*before.requests, asked))
    there = [e for e in spans if e.removed_at is None]
    there = [e for e in there if (e.draining_at is not None) == (event == "remove")]
    chosen_span = there[number % len(there)] if there else None
    ends: dict[str, Any] = {"draining_at": now} if event == "drain" else {"removed_at": now}
    return replace(
        before, executors=tuple(replace(e, **ends) if e is chosen_span else e for e in spans)
    )
