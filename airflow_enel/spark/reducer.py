"""The one reducer: Spark's event-log JSON → :class:`Snapshot`.

The live agent serves the same JSON that Spark writes to its event log, so both are folded here.
Invariants: an event may come twice; one that cannot be read is skipped and marks the snapshot as
incomplete, so that nobody acts on it; a finished component never changes again.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_enel.domain import (
    Component,
    ScaleRequest,
    Snapshot,
    StageMetrics,
    TaskDigest,
)
from airflow_enel.spark.components import (
    JobState,
    StageState,
    build_component,
    component_key,
    digest_of,
    has_open_stage,
    stage_metrics,
)
from airflow_enel.spark.driver_shutdown import without_shutdown_losses
from airflow_enel.spark.event_defects import UNREADABLE, EventDefects, counted
from airflow_enel.spark.event_fields import (
    Event,
    count,
    fields,
    ids,
    items,
    natural_text,
    optional_text,
    seconds,
    text,
)
from airflow_enel.spark.executors import ExecutorFold
from airflow_enel.spark.storage_memory import StorageFold
from airflow_enel.spark.timeline import CapacityTimeline

_SQL = "org.apache.spark.sql.execution.ui."
_EARLIER_APPLICATION = "spark.enel.earlierApplication"  # set by the agent, in event logs only
_TASK_CPUS = "spark.task.cpus"
_INITIAL_SIZE = (
    "spark.enel.initialExecutors",
    "spark.dynamicAllocation.initialExecutors",
    "spark.executor.instances",
)


class EventReducer:
    """Folds the events of one application, in the order in which Spark posted them.

    :param strict: whether a field that could be done without makes its event unreadable: a live
        agent that sends one is not to be believed, a stored log loses the field alone
    :param busy_until: when the last component of the same driver's earlier applications finished
    :ivar complete: False once an event was unreadable or missing; a snapshot is incomplete also
        once times contradict each other, as after the driver's clock was set back
    :ivar defects: which events were unreadable, and whether their times contradict each other
    """

    def __init__(self, *, strict: bool = True, busy_until: float | None = None) -> None:
        self.complete = True
        self.defects = EventDefects(strict=strict)
        self._app_id: str | None = None
        self._app_name: str | None = None
        self._version: str | None = None
        self._started_at: float | None = None
        self._ended_at: float | None = None
        self._exiting_at: float | None = None
        self._latest_at: float | None = None
        self._initial: int | None = None
        self._task_cpus = 1
        self._jobs: dict[int, JobState] = {}
        self._job_of_stage: dict[int, int] = {}
        self._stages: dict[int, dict[tuple[int, int], StageState]] = {}
        self._descriptions: dict[str, str] = {}
        self._durations: dict[tuple[int, int], list[int]] = {}
        self._executors = ExecutorFold(self.defects)
        self._storage = StorageFold()
        self._requests: dict[int, ScaleRequest] = {}
        self._frozen: dict[int, Component] = {}
        self._frontier = busy_until  # the latest finish of a job so far
        self._handlers: dict[str, Callable[[Event], None]] = {
            "SparkListenerLogStart": self._on_log_start,
            "SparkListenerEnvironmentUpdate": self._on_environment,
            "SparkListenerApplicationStart": self._on_application_start,
            "SparkListenerApplicationEnd": self._on_application_end,
            "SparkListenerJobStart": self._on_job_start,
            "SparkListenerJobEnd": self._on_job_end,
            "SparkListenerStageSubmitted": self._on_stage,
            "SparkListenerStageCompleted": self._on_stage,
            "SparkListenerTaskEnd": self._on_task_end,
            "SparkListenerExecutorAdded": self._executors.add,
            "SparkListenerExecutorRemoved": self._executors.remove,
            "SparkListenerBlockManagerAdded": self._storage.add,
            f"{_SQL}SparkListenerSQLExecutionStart": self._on_sql_start,
            "EnelTaskDigest": self._on_task_digest,
            "EnelScaleAccepted": self._on_scale_accepted,
            "EnelExecutorDraining": self._executors.drain,
            "EnelCachedData": self._storage.cache,
            "EnelDriverExiting": self._on_driver_exiting,
        }

    def add(self, event: Event) -> None:
        """Fold one event; unknown kinds are passed over."""
        try:
            handler = self._handlers.get(text(event, "Event"))
            if handler is not None:
                handler(event)
        except UNREADABLE as error:
            self.complete = False
            self.defects.add_unreadable(event.get("Event"), error)

    def snapshot(self, read_at: float) -> Snapshot:
        """What is known by now.

        :param read_at: when the last events were read, by the driver's clock
        """
        executors = without_shutdown_losses(
            self._executors.spans,
            exiting_at=self._exiting_at,
            ended_at=self._ended_at,
            active_until=max((job.active_until for job in self._jobs.values()), default=0.0),
        )
        return Snapshot(
            app_id=self._app_id,
            app_name=self._app_name,
            spark_version=self._version,
            started_at=self._started_at,
            ended_at=self._ended_at,
            read_at=read_at,
            complete=self.complete and not self.defects.contradiction and not self.flaws_at_end(),
            initial_executors=self._initial,
            components=self._components(CapacityTimeline(executors), read_at),
            executors=executors,
            requests=tuple(self._requests.values()),
            task_cpus=self._task_cpus,
            cached_bytes=self._storage.cached_bytes,
            storage_bytes=self._storage.executor_bytes,
        )

    def flaws_at_end(self) -> tuple[str, ...]:
        """Why the run is not to be learned from, in words; nothing before the application ends.

        Spark drops events when its queue is full: a job that succeeded has ended, and so has every
        stage that it ran.
        """
        if self._ended_at is None:
            return ()
        open_jobs = sum(job.finished_at is None for job in self._jobs.values())
        found = [*self.defects.in_words()]
        if open_jobs:
            found.append(f"{counted(open_jobs, 'Spark job')} without an end: Spark dropped events")
        elif any(has_open_stage(component) for component in self._frozen.values()):
            found.append("a stage without an end: Spark dropped events")
        return tuple(found)

    # The application

    def _on_log_start(self, event: Event) -> None:
        self._version = self.defects.optional(text, event, "Spark Version")

    def _on_environment(self, event: Event) -> None:
        properties = fields(event, "Spark Properties")
        if _EARLIER_APPLICATION in properties:
            self.defects.lack("an earlier SparkContext of its driver has a log of its own")
        found = [name for name in _INITIAL_SIZE if name in properties]
        sizes = (self.defects.optional(natural_text, properties, name) for name in found)
        self._initial = next((size for size in sizes if size is not None), self._initial)
        if _TASK_CPUS in properties:
            task_cpus = self.defects.optional(natural_text, properties, _TASK_CPUS)
            self._task_cpus = max(task_cpus or 1, 1)

    def _on_application_start(self, event: Event) -> None:
        app_id = text(event, "App ID")
        if self._app_id not in (None, app_id):
            raise ValueError(f"events of another application, {app_id}")
        if self._started_at is None:
            self._started_at = seconds(event, "Timestamp")
            self._frontier = self._started_at if self._frontier is None else self._frontier
            self._latest_at = max(self._started_at, self._latest_at or 0.0)
        self._app_name = self.defects.optional(text, event, "App Name")
        self._app_id = app_id

    def _on_application_end(self, event: Event) -> None:
        ended_at = seconds(event, "Timestamp")
        if self._ended_at is None:
            self._proceed("the end of the application", ended_at)
            if self._started_at is not None and ended_at <= self._started_at:
                self.defects.contradict("the application ends no later than it starts")
        self._ended_at = ended_at

    def _proceed(self, what: str, at: float) -> None:
        """Note a time of the driver's clock, which must not lie before those already seen."""
        self.defects.check_order(what, self._latest_at, at)
        self._latest_at = max(at, self._latest_at or 0.0)

    def _on_driver_exiting(self, event: Event) -> None:
        self._exiting_at = seconds(event, "Timestamp")

    # Jobs and stages

    def _on_job_start(self, event: Event) -> None:
        job_id = count(event, "Job ID")
        if job_id in self._jobs:
            return
        infos = items(event, "Stage Infos")
        properties = event.get("Properties") or {}
        execution_id = optional_text(properties, "spark.sql.execution.id")
        job = JobState(
            job_id=job_id,
            started_at=seconds(event, "Submission Time"),
            names={count(info, "Stage ID"): text(info, "Stage Name") for info in infos},
            listed={count(info, "Stage ID"): ids(info, "Parent IDs") for info in infos},
            execution_id=execution_id,
            description=self._descriptions.get(execution_id or "")
            or optional_text(properties, "spark.job.description"),
        )
        self._jobs[job_id] = job
        self._proceed(f"the start of Spark job {job_id}", job.started_at)
        for stage_id in job.names:
            owner = self._jobs.get(self._job_of_stage.get(stage_id, -1))
            if owner is None or owner.finished_at is not None:
                self._job_of_stage[stage_id] = job_id

    def _on_job_end(self, event: Event) -> None:
        job = self._jobs[count(event, "Job ID")]
        if job.finished_at is not None:
            return
        finished_at = seconds(event, "Completion Time")
        self._proceed(f"the end of Spark job {job.job_id}", finished_at)
        job.finished_at = max(job.started_at, finished_at)
        job.succeeded = text(event["Job Result"], "Result") == "JobSucceeded"
        before = job.started_at if self._frontier is None else self._frontier
        job.added_s = max(0.0, job.finished_at - before)
        self._frontier = max(before, job.finished_at)

    def _on_stage(self, event: Event) -> None:
        info = event["Stage Info"]
        stage_id, attempt = count(info, "Stage ID"), count(info, "Stage Attempt ID")
        job_id = self._job_of_stage.get(stage_id)
        if job_id is None or job_id in self._frozen:
            return
        self._jobs[job_id].submitted.add(stage_id)
        stage = self._stages.setdefault(job_id, {}).setdefault(
            (stage_id, attempt),
            StageState(
                stage_id=stage_id,
                attempt=attempt,
                name=text(info, "Stage Name"),
                tasks=count(info, "Number of Tasks"),
                submitted_at=self._jobs[job_id].started_at,
            ),
        )
        if info.get("Submission Time") is not None:
            stage.submitted_at = seconds(info, "Submission Time")
        if event["Event"] == "SparkListenerStageCompleted":
            completed_at = seconds(info, "Completion Time")
            if stage.completed_at is None:
                self._proceed(f"the end of stage {stage_id}", completed_at)
            stage.completed_at = completed_at
            stage.failure = self.defects.optional(optional_text, info, "Failure Reason")
            stage.metrics = (
                self.defects.optional(stage_metrics, info, "Accumulables") or StageMetrics()
            )
            stage.digest = stage.digest or digest_of(self._durations.pop((stage_id, attempt), ()))

    def _on_task_end(self, event: Event) -> None:
        if event["Task End Reason"]["Reason"] != "Success":
            return
        info = event["Task Info"]
        duration_ms = round(1e3 * (seconds(info, "Finish Time") - seconds(info, "Launch Time")))
        key = (count(event, "Stage ID"), count(event, "Stage Attempt ID"))
        self._durations.setdefault(key, []).append(max(0, duration_ms))

    def _on_task_digest(self, event: Event) -> None:
        stage_id = count(event, "Stage ID")
        stages = self._stages.get(self._job_of_stage.get(stage_id, -1), {})
        stage = stages.get((stage_id, count(event, "Stage Attempt ID")))
        if stage is not None:
            stage.digest = TaskDigest(
                count=count(event, "Count"),
                total_s=seconds(event, "Total Time"),
                median_s=seconds(event, "Median Time"),
                max_s=seconds(event, "Max Time"),
            )

    def _on_sql_start(self, event: Event) -> None:
        self._descriptions[str(count(event, "executionId"))] = text(event, "description")

    # Requests

    def _on_scale_accepted(self, event: Event) -> None:
        request = ScaleRequest(
            executors=count(event, "Executors"),
            try_number=count(event, "Try Number"),
            epoch=count(event, "Epoch"),
            requested_at=seconds(event, "Timestamp"),
        )
        self._requests.setdefault(request.epoch, request)

    # From states to components

    def _components(self, timeline: CapacityTimeline, read_at: float) -> tuple[Component, ...]:
        occurrences: dict[str, int] = {}
        ordinals: dict[str, int] = {}
        components = []
        for position, job_id in enumerate(sorted(self._jobs)):
            job = self._jobs[job_id]
            ordinal = None
            if job.execution_id is not None:
                ordinal = ordinals.get(job.execution_id, 0)
                ordinals[job.execution_id] = ordinal + 1
            component = self._frozen.get(job_id)
            if component is None:
                key = component_key(job, ordinal)
                stages = self._stages.get(job_id, {}).values()
                component = build_component(
                    job, stages, position, key, occurrences.get(key, 0), timeline, read_at
                )
                if job.finished_at is not None:
                    self._frozen[job_id] = component
                    self._stages.pop(job_id, None)
            occurrences[component.key] = component.occurrence + 1
            components.append(component)
        return tuple(components)
