"""From Spark jobs and stages to components: their identity and their stage graph."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_enel.domain import Component, Stage, StageMetrics, TaskDigest
from airflow_enel.domain.snapshot import input_bytes_of
from airflow_enel.spark.event_fields import MAX_TEXT, Event, number
from airflow_enel.spark.timeline import CapacityTimeline

_WORD = re.compile(r"\S+")
_IN_SCHEMES = "_.+-"  # beside letters and digits


@dataclass(slots=True)
class JobState:
    """A Spark job while its events come in; ``listed`` holds the parents of each of its stages."""

    job_id: int
    started_at: float
    names: dict[int, str]
    listed: dict[int, tuple[int, ...]]
    execution_id: str | None
    description: str | None
    finished_at: float | None = None
    added_s: float | None = None
    succeeded: bool | None = None
    submitted: set[int] = field(default_factory=set)

    @property
    def active_until(self) -> float:
        """The last moment at which the job had executors for certain."""
        return self.finished_at if self.finished_at and self.succeeded else self.started_at


@dataclass(slots=True)
class StageState:
    """A stage attempt while its events come in."""

    stage_id: int
    attempt: int
    name: str
    tasks: int
    submitted_at: float
    completed_at: float | None = None
    failure: str | None = None
    metrics: StageMetrics = field(default_factory=StageMetrics)
    digest: TaskDigest | None = None


def without_folders(call_site: str) -> str:
    """A call site without the folder of its file, which may differ from run to run.

    It is cut to :data:`~airflow_enel.spark.event_fields.MAX_TEXT` characters, and no pattern here
    can backtrack.
    """
    return _WORD.sub(lambda word: _without_folder(word[0]), call_site[:MAX_TEXT])


def _without_folder(word: str) -> str:
    """``file:/tmp/job.py:12`` as ``job.py:12``; scheme and folder go together."""
    if "/" not in word:
        return word
    kept: list[str] = []
    for part in word.split(":"):
        _, slash, rest = part.rpartition("/")
        scheme = _scheme_length(kept[-1]) if slash and kept else 0
        if scheme:
            kept[-1] = kept[-1][:-scheme] + rest
        else:
            kept.append(rest)
    return ":".join(kept)


def _scheme_length(part: str) -> int:
    """How many characters at the end of a part may be a URL's scheme."""
    start = len(part)
    while start and (part[start - 1].isalnum() or part[start - 1] in _IN_SCHEMES):
        start -= 1
    return len(part) - start


def component_key(job: JobState, sql_ordinal: int | None) -> str:
    """What identifies a component from run to run.

    The name of the result stage, the ordered names of all its stages and the number of stages
    that really run. Jobs of one SQL execution have useless names under adaptive execution: they
    are known by the execution's description and their ordinal in it.

    :param sql_ordinal: which job of its SQL execution it is, None outside of SQL
    """
    if sql_ordinal is not None:
        return f"sql: {without_folders(job.description or 'query')} #{sql_ordinal}"
    names = [without_folders(job.names[stage]) for stage in sorted(job.names)]
    result = names[-1] if names else "no stages"
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]
    return f"{result} #{digest}/{len(stages_to_run(job))}"


def has_open_stage(component: Component) -> bool:
    """Whether a component succeeded though no attempt at one of its stages has an end."""
    ended = {stage.stage_id for stage in component.stages if stage.completed_at is not None}
    return bool(component.succeeded) and any(s.stage_id not in ended for s in component.stages)


def stages_to_run(job: JobState) -> set[int]:
    """The stages of a job that run: known after its end, and nearly surely from its start on.

    Spark submits the earliest missing stages at once, and every stage that depends on one of
    them follows. Stages that neither are nor follow a submitted one are skipped.
    """
    running = set(job.submitted)
    if job.finished_at is not None:
        return running
    for stage in sorted(job.listed):  # parents have lower ids than their children
        if any(parent in running for parent in job.listed[stage]):
            running.add(stage)
    return running


def contracted_parents(job: JobState, stage_id: int) -> tuple[int, ...]:
    """The nearest submitted ancestors of a stage: edges through skipped stages are contracted."""
    found: set[int] = set()
    seen: set[int] = set()
    queue = list(job.listed.get(stage_id, ()))
    while queue:
        parent = queue.pop()
        if parent in seen:
            continue
        seen.add(parent)
        if parent in job.submitted:
            found.add(parent)
        else:
            queue.extend(job.listed.get(parent, ()))
    return tuple(sorted(found))


def digest_of(durations_ms: Iterable[int]) -> TaskDigest | None:
    """Digest of task durations, None for no tasks; its median is in whole ms, as the agent's."""
    ordered = sorted(durations_ms)
    if not ordered:
        return None
    median_ms = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) // 2
    return TaskDigest(len(ordered), sum(ordered) / 1e3, median_ms / 1e3, ordered[-1] / 1e3)


def stage_metrics(info: Event, name: str) -> StageMetrics:
    """The summed task metrics of a stage from its accumulables.

    :raises TypeError, AttributeError, KeyError: if they cannot be read
    """
    values = {
        item["Name"]: number(item, "Value")
        for item in (info.get(name) or ())
        if str(item.get("Name", "")).startswith("internal.metrics.")
        and isinstance(item.get("Value"), int)
        and 0 <= item["Value"] < 2**63
    }

    def metric(*names: str) -> int:
        return int(sum(values.get(f"internal.metrics.{name}", 0) for name in names))

    return StageMetrics(
        executor_run_s=metric("executorRunTime") / 1e3,
        executor_cpu_s=metric("executorCpuTime") / 1e9,
        gc_s=metric("jvmGCTime") / 1e3,
        shuffle_read_bytes=metric("shuffle.read.remoteBytesRead", "shuffle.read.localBytesRead"),
        shuffle_write_bytes=metric("shuffle.write.bytesWritten"),
        input_bytes=metric("input.bytesRead"),
        output_bytes=metric("output.bytesWritten"),
        memory_spilled_bytes=metric("memoryBytesSpilled"),
        disk_spilled_bytes=metric("diskBytesSpilled"),
        peak_execution_memory_bytes=metric("peakExecutionMemory"),
    )


def build_component(
    job: JobState,
    stages: Iterable[StageState],
    position: int,
    key: str,
    occurrence: int,
    timeline: CapacityTimeline,
    read_at: float,
) -> Component:
    """The component of a job as it is known now; what still runs is measured up to ``read_at``."""
    until = job.finished_at if job.finished_at is not None else max(job.started_at, read_at)
    built = tuple(_stage(job, stage, timeline, until) for stage in stages)
    return Component(
        position=position,
        key=key,
        occurrence=occurrence,
        job_id=job.job_id,
        started_at=job.started_at,
        finished_at=job.finished_at,
        succeeded=job.succeeded,
        added_s=job.added_s,
        scale_out=timeline.scale_out(job.started_at, until),
        disturbed=timeline.changed(job.started_at, until),
        stages=built,
        input_bytes=input_bytes_of(built),
    )


def _stage(job: JobState, state: StageState, timeline: CapacityTimeline, until: float) -> Stage:
    end = state.completed_at if state.completed_at is not None else until
    return Stage(
        stage_id=state.stage_id,
        attempt=state.attempt,
        name=without_folders(state.name),
        tasks=state.tasks,
        parents=contracted_parents(job, state.stage_id),
        submitted_at=state.submitted_at,
        completed_at=state.completed_at,
        failure=state.failure,
        metrics=state.metrics,
        digest=state.digest,
        scale_out=timeline.scale_out(state.submitted_at, max(state.submitted_at, end)),
    )
