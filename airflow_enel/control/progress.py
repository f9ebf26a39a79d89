"""Reduces a snapshot of an application to the progress that policies and forecasters read.

Nothing is remembered between two readings: barriers and requests are counted anew in each
snapshot. So the counts of a longer stream must never be smaller than those of a shorter one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.domain import NO_CONTEXT, Progress

if TYPE_CHECKING:
    from airflow_enel.domain import Bounds, ExecutorSpan, RunContext, Snapshot


def reduce_progress(
    snapshot: Snapshot, bounds: Bounds, now: float, context: RunContext = NO_CONTEXT
) -> Progress:
    """Reduce a snapshot.

    The epoch is the number of barriers: finished components, executors lost, and executors
    gained unasked. It stays 0 until an executor has registered.

    :param now: the present by the driver's clock, not before ``snapshot.read_at``
    :param context: what was known of the run at its start
    :return: elapsed time ends with the application; ``requested`` is the last accepted request,
        without one the initial number, without that the minimum
    """
    by_position = sorted(snapshot.components, key=lambda component: component.position)
    finished = tuple(c for c in by_position if c.finished_at is not None)
    running = [c for c in by_position if c.finished_at is None]
    lost = sum(_lost_in_run(executor, snapshot.ended_at) for executor in snapshot.executors)
    barriers = len(finished) + lost + _gained_unasked(snapshot)
    until = now if snapshot.ended_at is None else min(now, snapshot.ended_at)
    requests = tuple(sorted(snapshot.requests, key=lambda request: request.requested_at))
    initial = snapshot.initial_executors or bounds.minimum
    active = [executor for executor in snapshot.executors if executor.capacity_until is None]
    return Progress(
        elapsed_s=0.0 if snapshot.started_at is None else max(until - snapshot.started_at, 0.0),
        finished=finished,
        running=running[-1] if running else None,
        executors=len(active),
        requested=requests[-1].executors if requests else initial,
        lost=lost,
        epoch=barriers if snapshot.executors else 0,
        requests=requests,
        age_s=max(now - snapshot.read_at, 0.0),
        complete=snapshot.complete,
        context=context,
        slots=sum(max(executor.cores // snapshot.task_cpus, 1) for executor in active),
        initial=initial,
        cached_bytes=snapshot.cached_bytes,
        storage_bytes=snapshot.storage_bytes,
    )


def executors_lost(snapshot: Snapshot) -> int:
    """Executors that went without being asked to while the application ran."""
    return sum(_lost_in_run(executor, snapshot.ended_at) for executor in snapshot.executors)


def _lost_in_run(executor: ExecutorSpan, ended_at: float | None) -> bool:
    """Executors that go with their application are not lost."""
    if executor.removed_at is None or not executor.lost:
        return False
    return ended_at is None or executor.removed_at <= ended_at


def _gained_unasked(snapshot: Snapshot) -> int:
    """Executors that lifted the active ones above what was asked for at that moment.

    What replaces a lost executor does not. Whether one did is settled when it is added: of the
    others only those before it in the stream count, and equal times of day (they are rounded to
    milliseconds) read the way that later events cannot undo.
    """
    return sum(
        # The first ones, as many as were asked for, are never too many: no need to count.
        index >= asked and _active_before(snapshot.executors[:index], executor.added_at) >= asked
        for index, executor in enumerate(snapshot.executors)
        if (asked := _asked_at(snapshot, executor.added_at)) is not None
    )


def _active_before(executors: tuple[ExecutorSpan, ...], at: float) -> int:
    return sum(e.capacity_until is None or e.capacity_until >= at for e in executors)


def _asked_at(snapshot: Snapshot, at: float) -> int | None:
    """Executors asked for at a moment, None if that is not known."""
    earlier = [request for request in snapshot.requests if request.requested_at < at]
    if not earlier:
        return snapshot.initial_executors
    return max(earlier, key=lambda request: request.requested_at).executors
