"""Tells executors that Spark lost from those that left because their driver shut down.

A driver that ends without stopping its context takes its executors along before Spark posts the
end of the application, with reasons that a real loss can have as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from airflow_enel.domain import ExecutorSpan

_REASONS: Final = ("shutting down", "during shutdown", "code 143", "status: 143")
"""What Spark writes of executors that SIGTERM or their worker's own shutdown has ended."""

_SHUTDOWN_S: Final = 30.0
"""Hadoop's limit to the shutdown hooks of a JVM, in which Spark stops its context."""


def without_shutdown_losses(
    executors: Iterable[ExecutorSpan],
    *,
    exiting_at: float | None,
    ended_at: float | None,
    active_until: float,
) -> tuple[ExecutorSpan, ...]:
    """Mark executors that left during the shutdown as asked to leave.

    :param exiting_at: when the driver's JVM began to exit; only the agent reports it
    :param ended_at: when the application ended
    :param active_until: when a job last started or succeeded: executors that left before that, or
        before another one came, have left a driver that went on
    """
    executors = tuple(executors)
    active_until = max([active_until, *(span.added_at for span in executors)])
    known_at = min((at for at in (exiting_at, ended_at) if at is not None), default=None)

    def in_shutdown(span: ExecutorSpan) -> bool:
        if span.removed_at is None or known_at is None:
            return False
        if span.removed_at >= known_at:
            return True
        if ended_at is None or span.removed_at < max(active_until, ended_at - _SHUTDOWN_S):
            return False
        reason = (span.reason or "").lower()
        return any(words in reason for words in _REASONS)

    return tuple(
        replace(span, draining_at=span.removed_at) if span.lost and in_shutdown(span) else span
        for span in executors
    )
