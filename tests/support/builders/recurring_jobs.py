"""Made-up histories of recurring jobs in which context or stage metrics explain the runtime.

A job has a load, iterations of two kinds and a save. The seconds of a component at ``s`` executors
are ``fixed + work / s + 0.02·s``, times what the scenario adds, times the noise of the run (5 %)
and of the component (4 %). Nothing here knows of an estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import exp, log
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from airflow_enel.domain import Component, PastRun, ScaleOut, Stage, StageMetrics, TaskDigest
from airflow_enel.domain.context import RunContext
from airflow_enel.domain.snapshot import input_bytes_of

FloatArray: TypeAlias = NDArray[np.float64]

RUN_NOISE, COMPONENT_NOISE = 0.05, 0.04
SIZES = (4, 6, 8, 12, 16, 24)
MEMORIES_MIB = (1024, 2048, 4096)
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What differs from run to run; pressure cannot be known before the run starts.

    :param input_factor: input over the job's usual one, 0.5…2
    :param skew: longest over median task, 1…3
    :param pressure: of the garbage collector, 0…1; early components only show it
    """

    input_factor: float = 1.0
    memory_mib: int = 4096
    skew: float = 1.0
    pressure: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a job: its seconds are ``fixed + work / s``, its load in GiB."""

    key: str
    fixed_s: float
    work_s: float
    gib: float
    stages: int
    early: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A recurring job: what stays the same from run to run."""

    key: str
    parts: tuple[Part, ...]
    input_mib: int


Draw: TypeAlias = Callable[[np.random.Generator], Circumstances]


def _input(chance: np.random.Generator) -> Circumstances:
    return Circumstances(input_factor=exp(chance.uniform(log(0.5), log(2.0))))


def _memory(chance: np.random.Generator) -> Circumstances:
    return Circumstances(memory_mib=int(chance.choice(MEMORIES_MIB)))


def _skew(chance: np.random.Generator) -> Circumstances:
    return Circumstances(skew=float(chance.uniform(1.0, 3.0)))


def _metrics(chance: np.random.Generator) -> Circumstances:
    return Circumstances(pressure=float(chance.beta(1.0, 3.0)))


SCENARIOS: dict[str, Draw] = {
    "input": _input,
    "memory": _memory,
    "skew": _skew,
    "metrics": _metrics,
    "nothing": lambda _: Circumstances(),
}
"""What explains the runtime beside the executors; "nothing" is for the gate."""


def make_job(number: int, seed: int) -> Job:
    """Make a job of 12 to 24 components."""
    chance = np.random.default_rng((seed, number))
    iterations = int(chance.integers(4, 11))
    parts = [Part("load", 4.0, chance.uniform(60, 200), chance.uniform(1, 6), 1, early=True)]
    step = chance.uniform(0.5, 2.0), chance.uniform(20, 80), chance.uniform(0.2, 2)
    merge = chance.uniform(0.5, 3.0), chance.uniform(10, 60), chance.uniform(0.2, 2)
    for n in range(iterations):
        parts.append(Part("step", *step, stages=2, early=n == 0))
        parts.append(Part("merge", *merge, stages=3, early=False))
    parts.append(Part("save", chance.uniform(2, 6), chance.uniform(20, 60), 1.0, 1, early=False))
    return Job(f"job {number} of {seed}", tuple(parts), int(chance.integers(500, 50_000)))


def long_job() -> Job:
    """Make a job of 35 components, which is what the figures of the network are for."""
    job = make_job(0, 1)
    load, step, merge, *_, save = job.parts
    return replace(job, parts=(load, *(step, merge) * 16, step, save))


def make_runs(
    job: Job,
    draw: Draw,
    runs: int,
    seed: int,
    sizes: Iterable[int] = SIZES,
) -> list[PastRun]:
    """Make runs of a job, oldest first, at the sizes by turns."""
    return [made.run for made in make_history(job, draw, runs, seed, sizes)]


@dataclass(frozen=True, slots=True)
class Made:
    """A run beside what no estimator is told.

    :param expected_s: seconds of its components without noise, ``(k,)``
    """

    run: PastRun
    expected_s: FloatArray

    def best_errors(self) -> Iterator[float]:
        """Relative errors, before the start and after every component but the last.

        Of one who knows the formula, the circumstances and how large the noise is, and learns of
        the run's own noise by the finished components only: no forecast can be expected to be
        much better.
        """
        tail_s = self.run.runtime_s - sum(c.added_s or 0.0 for c in self.run.components)
        taken_s = np.array([c.added_s for c in self.run.components])
        off = np.log(taken_s / self.expected_s)
        for finished in range(off.size):
            known = RUN_NOISE**2 / (finished * RUN_NOISE**2 + COMPONENT_NOISE**2)
            expected_s = self.expected_s[finished:].sum() * exp(known * off[:finished].sum())
            yield (expected_s + tail_s) / (taken_s[finished:].sum() + tail_s) - 1.0


def make_history(
    job: Job,
    draw: Draw,
    runs: int,
    seed: int,
    sizes: Iterable[int] = SIZES,
) -> list[Made]:
    """Make runs as `make_runs` does, with what explains them."""
    chance = np.random.default_rng((seed, *job.key.encode()))
    by_turns, made = list(sizes), []
    for number in range(runs):
        executors, circumstances = by_turns[number % len(by_turns)], draw(chance)
        expected_s = [_seconds(part, executors, circumstances) for part in job.parts]
        run = _run(job, number, executors, circumstances, chance)
        made.append(Made(run, np.array(expected_s)))
    return made


def _run(
    job: Job,
    number: int,
    executors: int,
    circumstances: Circumstances,
    chance: np.random.Generator,
) -> PastRun:
    started_at = at = 1e9 + 86_400.0 * number
    of_run = exp(chance.normal(0.0, RUN_NOISE))
    components: list[Component] = []
    seen: dict[str, int] = {}
    for position, part in enumerate(job.parts):
        seconds = _seconds(part, executors, circumstances)
        seconds *= of_run * exp(chance.normal(0.0, COMPONENT_NOISE))
        occurrence = seen.get(part.key, 0)
        seen[part.key] = occurrence + 1
        stages = _stages(part, position, at, seconds, executors, circumstances)
        components.append(
            Component(
                position=position,
                key=part.key,
                occurrence=occurrence,
                job_id=position,
                started_at=at,
                finished_at=at + seconds,
                succeeded=True,
                added_s=seconds,
                scale_out=ScaleOut(executors, executors, 0.0, float(executors)),
                disturbed=False,
                stages=stages,
                input_bytes=input_bytes_of(stages),
            )
        )
        at += seconds
    tail_s = 1.0
    return PastRun(
        run_id=f"{job.key}, run {number}",
        started_at=started_at,
        runtime_s=at - started_at + tail_s,
        mean_executors=float(executors),
        initial_executors=executors,
        components=tuple(components),
        context=_context(job, circumstances),
    )


def _context(job: Job, circumstances: Circumstances) -> RunContext:
    return RunContext.of(
        {
            "application": job.key,
            "spark_version": "4.1.4",
            "executor_cores": 1,
            "executor_memory_mib": circumstances.memory_mib,
            "input_mib": round(job.input_mib * circumstances.input_factor),
            "skew": round(circumstances.skew, 2),
        }
    )


def _seconds(part: Part, executors: int, circumstances: Circumstances) -> float:
    work_s = part.work_s * circumstances.input_factor * (1.0 + 1.5 * _spilled(part, circumstances))
    if part.stages > 1:  # a shuffle waits for its longest task
        work_s *= 1.0 + 0.35 * (circumstances.skew - 1.0)
    if not part.early:
        work_s *= 1.0 + 2.0 * circumstances.pressure
    return part.fixed_s + work_s / executors + 0.02 * executors


def _spilled(part: Part, circumstances: Circumstances) -> float:
    """Share of the data that does not fit, 0…1."""
    fits_gib = circumstances.memory_mib / 1024 * 0.3
    return max(0.0, 1.0 - fits_gib / (part.gib * circumstances.input_factor))


def _stages(
    part: Part,
    position: int,
    at: float,
    seconds: float,
    executors: int,
    circumstances: Circumstances,
) -> tuple[Stage, ...]:
    """A chain: read or map, then a shuffle for every further stage."""
    each_s = seconds / part.stages
    busy_s = each_s * executors
    data = int(part.gib * circumstances.input_factor * _GIB)
    spilled = int(_spilled(part, circumstances) * data)
    stages: list[Stage] = []
    for number in range(part.stages):
        metrics = StageMetrics(
            executor_run_s=busy_s,
            executor_cpu_s=busy_s * (0.8 - 0.5 * circumstances.pressure),
            gc_s=busy_s * (0.05 + 0.4 * circumstances.pressure),
            shuffle_read_bytes=data if number else 0,
            shuffle_write_bytes=data if number < part.stages - 1 else 0,
            input_bytes=0 if number else data,
            output_bytes=data // 10 if number == part.stages - 1 else 0,
            disk_spilled_bytes=spilled,
            memory_spilled_bytes=2 * spilled,
            peak_execution_memory_bytes=data if number else 0,
        )
        first = position * 10 + number
        stages.append(
            Stage(
                stage_id=first,
                attempt=0,
                name=f"{part.key} at job.py:{10 + number}",
                tasks=48,
                parents=(first - 1,) if number else (),
                submitted_at=at + number * each_s,
                completed_at=at + (number + 1) * each_s,
                failure=None,
                metrics=metrics,
                digest=TaskDigest(48, busy_s, busy_s / 48, busy_s / 48 * circumstances.skew),
                scale_out=ScaleOut(executors, executors, 0.0, float(executors)),
            )
        )
    return tuple(stages)
