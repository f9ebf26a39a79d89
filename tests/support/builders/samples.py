"""One plain value of each kind, with the fields a test cares about replaced."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from airflow_enel.domain import (
    Bounds,
    Component,
    Decision,
    Progress,
    Proposal,
    Run,
    RunKey,
    RunOutcome,
    RunState,
    ScaleOut,
    Stage,
    StageMetrics,
    Step,
    TaskDigest,
)
from airflow_enel.domain.snapshot import input_bytes_of

NOON = 1_700_000_000.123456
_numbers = itertools.count()


def run(dag_id: str = "sales", job_key: str = "job", **changes: Any) -> Run:
    key = RunKey(dag_id, f"sample-{next(_numbers)}", "spark", -1, 1)
    plain = Run(key, job_key, "pi.py", "enel", Bounds(1, 10), 600.0, 4, NOON)
    return replace(plain, **changes)


def outcome(state: RunState = RunState.SUCCEEDED, **changes: Any) -> RunOutcome:
    plain = RunOutcome(
        state,
        0,
        "app-1",
        NOON + 5,
        NOON + 105,
        100.0,
        400.0,
        4,
        0,
        1,
        0,
        violation_s=0.0,
        complete=True,
    )
    return replace(plain, **changes)


def stage(stage_id: int = 0, **changes: Any) -> Stage:
    plain = Stage(
        *(stage_id, 0, "map", 8, (), NOON, NOON + 9, None),
        *(StageMetrics(gc_s=0.5, input_bytes=2**40), TaskDigest(8, 8.0, 1.0, 2.0)),
        ScaleOut(4, 4, 0.0, 4.0),
    )
    return replace(plain, **changes)


def component(position: int = 0, **changes: Any) -> Component:
    plain = Component(
        *(position, f"key-{position}", 0, position, NOON, NOON + 10, True, 10.0),
        *(ScaleOut(4, 6, 0.25, 5.0), False, (stage(position),)),
    )
    made = replace(plain, **changes)
    return replace(made, input_bytes=input_bytes_of(made.stages))


def step(epoch: int = 1, *, before: int = 4, executors: int = 6) -> Step:
    progress = Progress(10.0, (component(),), None, 4, 4, 0, epoch, (), 0.5, True)
    proposal = Proposal(executors, "cheapest in time")
    return Step(progress, None, Decision(epoch, 1, NOON, before, executors, 0.1, proposal, ()))
