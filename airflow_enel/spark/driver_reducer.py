"""Reduces the events of a Spark driver to one snapshot, over all of its SparkContexts.

A driver may create one SparkContext after the other. Each is an application of its own to Spark,
whose job, stage and executor ids begin again; to us they are one run of one job.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from airflow_enel.domain import Component, ExecutorSpan, Snapshot, Stage
from airflow_enel.spark.event_fields import Event
from airflow_enel.spark.reducer import EventReducer


class DriverReducer:
    """Folds the events of one driver, in the order in which Spark posted them.

    :ivar complete: False once an event was unreadable or missing
    """

    def __init__(self) -> None:
        self.complete = True
        self._earlier: list[Snapshot] = []
        self._current = EventReducer()
        self._start: tuple[object, object] | None = None
        self._ended = False

    def add(self, event: Event) -> None:
        """Fold one event; unknown kinds are passed over."""
        kind = event.get("Event")
        if kind == "SparkListenerApplicationEnd":
            self._ended = True
        elif kind == "SparkListenerApplicationStart":
            start = event.get("App ID"), event.get("Timestamp")
            if self._ended and start != self._start:
                self._next_application()
            self._start = start
        self._current.add(event)

    def snapshot(self, read_at: float) -> Snapshot:
        """What is known by now.

        :param read_at: when the last events were read, by the driver's clock
        """
        snapshots = [*self._earlier, self._current.snapshot(read_at)]
        joined = snapshots[0] if len(snapshots) == 1 else join_applications(snapshots)
        return replace(joined, complete=joined.complete and self.complete)

    def _next_application(self) -> None:
        ended = self._current.snapshot(0.0)
        ended = replace(ended, read_at=ended.ended_at or 0.0)
        self._earlier.append(ended)
        finishes = [c.finished_at for s in self._earlier for c in s.finished_components]
        busy_until = max((at for at in finishes if at is not None), default=None)
        self._current = EventReducer(busy_until=busy_until or self._earlier[0].started_at)
        self._ended = False


def join_applications(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Join the applications of one driver, oldest first, into one run with ids of its own.

    It has the id, the start and the initial size of the first one, and the end of the last.
    Executors of an application that has ended have left with it.
    """
    first, last = snapshots[0], snapshots[-1]
    components: list[Component] = []
    for snapshot in snapshots:
        components += _numbered_after(components, snapshot.components)
    executors = (_of_application(index, s) for index, s in enumerate(snapshots[:-1]))
    return replace(
        first,
        ended_at=last.ended_at,
        read_at=last.read_at,
        complete=all(snapshot.complete for snapshot in snapshots),
        components=tuple(components),
        executors=(
            *(span for spans in executors for span in spans),
            *_renamed(len(snapshots) - 1, last.executors),
        ),
        requests=tuple(request for snapshot in snapshots for request in snapshot.requests),
        cached_bytes=last.cached_bytes,
        storage_bytes=last.storage_bytes,
    )


def _numbered_after(
    before: Sequence[Component], components: Sequence[Component]
) -> list[Component]:
    """Components with positions, occurrences and ids that go on after those before."""
    occurrences = Counter(component.key for component in before)
    first_job = 1 + max((c.job_id for c in before), default=-1)
    first_stage = 1 + max((s.stage_id for c in before for s in c.stages), default=-1)
    return [
        replace(
            component,
            position=len(before) + component.position,
            occurrence=occurrences[component.key] + component.occurrence,
            job_id=first_job + component.job_id,
            stages=tuple(_shifted(stage, first_stage) for stage in component.stages),
        )
        for component in components
    ]


def _shifted(stage: Stage, by: int) -> Stage:
    parents = tuple(parent + by for parent in stage.parents)
    return replace(stage, stage_id=stage.stage_id + by, parents=parents)


def _of_application(index: int, ended: Snapshot) -> list[ExecutorSpan]:
    return [_closed(span, ended.ended_at) for span in _renamed(index, ended.executors)]


def _renamed(index: int, executors: Sequence[ExecutorSpan]) -> list[ExecutorSpan]:
    """Executors of another application than the first, told apart from those of the same id."""
    if index == 0:
        return list(executors)
    return [replace(span, executor_id=f"{index}:{span.executor_id}") for span in executors]


def _closed(span: ExecutorSpan, ended_at: float | None) -> ExecutorSpan:
    if span.removed_at is not None or ended_at is None:
        return span
    left_at = max(span.added_at, ended_at)
    draining_at = left_at if span.draining_at is None else span.draining_at
    return replace(span, removed_at=left_at, draining_at=draining_at, reason="application ended")
