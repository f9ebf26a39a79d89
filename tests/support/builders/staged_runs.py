"""Runs with stages made up for tests."""

from __future__ import annotations

from dataclasses import replace

from airflow_enel.domain import Component, PastRun, ScaleOut, Stage, StageMetrics
from tests.support.builders.past_runs import component


def stage(
    stage_id: int,
    parents: tuple[int, ...] = (),
    seconds: float | None = 4.0,
    executors: int = 4,
    name: str | None = None,
    attempt: int = 0,
    cpu: float = 0.5,
    end: int | None = None,
) -> Stage:
    end = executors if end is None else end
    return Stage(
        stage_id=stage_id,
        attempt=attempt,
        name=f"stage {stage_id % 10}" if name is None else name,
        tasks=8 + stage_id % 10,
        parents=parents,
        submitted_at=100.0,
        completed_at=None if seconds is None else 100.0 + seconds,
        failure=None,
        metrics=StageMetrics(
            executor_run_s=10.0,
            executor_cpu_s=10.0 * cpu,
            gc_s=1.0,
            shuffle_read_bytes=300,
            shuffle_write_bytes=100,
        ),
        digest=None,
        scale_out=ScaleOut(executors, end, 0.25 if end != executors else 0.0, executors),
    )


def with_stages(position: int, stages: tuple[Stage, ...], executors: int = 4) -> Component:
    made = component(position, f"step {position}", executors=executors)
    return replace(made, stages=stages)


def staged_run(number: int, executors: int, components: int = 4) -> PastRun:
    """Components of a chain of two, a diamond, a single stage, and two roots, in turn."""
    shapes = (((), (0,)), ((), (0,), (0,), (1, 2)), ((),), ((), (), (0, 1)))
    made = []
    for position in range(components):
        first = 10 * (position + components * number)  # the ids of stages go on from run to run
        shape = shapes[position % len(shapes)]
        stages = tuple(
            stage(
                first + index,
                tuple(first + parent for parent in parents),
                seconds=2.0 + index + 12.0 / executors,
                executors=executors,
                cpu=0.2 + 0.1 * index + 0.01 * number,
            )
            for index, parents in enumerate(shape)
        )
        made.append(with_stages(position, stages, executors))
    return PastRun(
        run_id=f"run {number}",
        started_at=1000.0 * number,
        runtime_s=100.0,
        mean_executors=float(executors),
        initial_executors=executors,
        components=tuple(made),
    )
