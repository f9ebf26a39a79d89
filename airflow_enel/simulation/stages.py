"""Stages of a simulated component: their tasks and metrics, as the physics of the phase has them.

A stage on c slots takes the most of: its largest task, its work divided by c, its waves of tasks.
The metrics carry what a forecaster can use: garbage collection and spilled bytes rise where the
cached data do not fit, processors idle where files are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_enel.simulation import spark_events as events

if TYPE_CHECKING:
    from airflow_enel.simulation.job import JobDescription, Phase

TASKS_PER_SLOT: Final = 8
"""Of work that is divided finely."""

_LOAD_TASKS: Final = 400
_MIB: Final = 2**20
_CPU_SHARE: Final = 0.85
_CPU_SHARE_OF_LOADS: Final = 0.35
_GC_SHARE: Final = 0.03
_GC_SHARE_OF_SHORTAGE: Final = 0.3
_SKEW: Final = 1.3
_MOST_AFTER_WORK: Final = 0.9
"""Of a component; more executors than it had all the time would leave no time for its work."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A component that has just finished, as its stages need it.

    :param factor: on the times of its phase
    :param blocks: multiple of the phase's block
    :param executors: that worked on it from start to end, as far as they were of use
    :param shortage: share of its cached data that did not fit
    :param recomputing_s: for how long it took longer because of that
    """

    phase: Phase
    factor: float
    blocks: int
    executors: float
    shortage: float
    recomputing_s: float
    input_factor: float
    started_at: float
    finished_at: float


def infos(first_stage: int, phase: Phase, tasks: int) -> list[events.Event]:
    """The stages of a component: its work, and the aggregation over executors if there is one."""
    work = events.stage_info(first_stage, f"{phase.name} at job.py:1", tasks, ())
    if not phase.per_executor_s:
        return [work]
    name = f"aggregate {phase.name} at job.py:2"
    return [work, events.stage_info(first_stage + 1, name, 1, (first_stage,))]


def task_count(phase: Phase, job: JobDescription, executors: int) -> int:
    """Tasks of the first stage of a component that starts at a number of executors."""
    if phase.tasks is not None:
        return phase.tasks
    if not phase.parallel_s:
        return _LOAD_TASKS
    return TASKS_PER_SLOT * max(executors, 1) * job.executor_cores


def completed(
    done: Finished, job: JobDescription, stages: list[events.Event]
) -> Iterator[events.Event]:
    """Events from the end of a component's first stage to that of its last.

    After the work comes the aggregation, then what the driver does alone.
    """
    driver_s = _serial_s(done) if done.phase.parallel_s else 0.0
    aggregation_s = done.phase.per_executor_s * done.executors * _level(done)
    most_s = _MOST_AFTER_WORK * (done.finished_at - done.started_at)
    scale = min(most_s / max(driver_s + aggregation_s, most_s), 1.0)
    aggregated_at = done.finished_at - scale * driver_s
    work_until = aggregated_at - scale * aggregation_s
    metrics = _metrics(done, job, stages[0]["Number of Tasks"])
    yield events.stage_completed(stages[0], done.started_at, work_until, metrics)
    yield _digest(done, job, stages[0])
    for stage in stages[1:]:
        task_s = aggregated_at - work_until
        yield events.stage_submitted(stage, work_until)
        yield events.stage_completed(
            stage, work_until, aggregated_at, {"executorRunTime": _ms(task_s)}
        )
        yield events.task_digest(stage["Stage ID"], 1, task_s, task_s, task_s)


@dataclass(frozen=True, slots=True)
class _TaskTimes:
    """Seconds of all tasks of the work together, and of the largest one."""

    total_s: float
    largest_s: float


def _task_times(done: Finished, job: JobDescription, tasks: int) -> _TaskTimes:
    """Times that fit into the slots and the duration of the stage.

    Where files are read the storage is the limit: all slots wait for it, so the more of them
    there are the longer each task takes. Tasks whose cached data do not fit recompute them, in all
    slots. What no executor shortens in a loop is the driver's, and in no task.
    """
    phase, slots = done.phase, done.executors * job.executor_cores
    if phase.parallel_s:
        total_s = phase.parallel_s * job.executor_cores * _level(done)
    else:
        total_s = _serial_s(done) * min(slots, tasks)
    total_s += done.recomputing_s * min(slots, tasks)
    mean_s = total_s / tasks
    return _TaskTimes(total_s, mean_s if phase.tasks else mean_s * _SKEW)


def _serial_s(done: Finished) -> float:
    """Seconds that no executor shortens."""
    blocks_s = done.phase.blocks.seconds * done.blocks if done.phase.blocks else 0.0
    return (done.phase.fixed_s + blocks_s) * _level(done)


def _level(done: Finished) -> float:
    """The factor on all times of the phase."""
    return done.factor * done.phase.level(max(done.executors, 1.0))


def _digest(done: Finished, job: JobDescription, stage: events.Event) -> events.Event:
    tasks = stage["Number of Tasks"]
    times = _task_times(done, job, tasks)
    mean_s = times.total_s / tasks
    return events.task_digest(stage["Stage ID"], tasks, times.total_s, mean_s, times.largest_s)


def _metrics(done: Finished, job: JobDescription, tasks: int) -> dict[str, int]:
    run_s = _task_times(done, job, tasks).total_s
    cpu_share = _CPU_SHARE_OF_LOADS if done.phase.io_bound else _CPU_SHARE
    input_bytes = int(job.input_mib * done.input_factor) * _MIB
    spilled = int(input_bytes * done.shortage)
    return {
        "executorRunTime": _ms(run_s),
        "executorCpuTime": round(1e9 * run_s * cpu_share * (1 - done.shortage / 2)),
        "jvmGCTime": _ms(run_s * (_GC_SHARE + _GC_SHARE_OF_SHORTAGE * done.shortage)),
        "input.bytesRead": input_bytes if done.phase.io_bound else 0,
        "shuffle.write.bytesWritten": int(done.executors * _MIB) if done.phase.cached else 0,
        "memoryBytesSpilled": spilled,
        "diskBytesSpilled": spilled // 2,
        "peakExecutionMemory": input_bytes // 4,
    }


def _ms(seconds: float) -> int:
    return round(1e3 * seconds)
