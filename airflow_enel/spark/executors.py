"""Reduces the events of a Spark application's executors to the span of time of each."""

from __future__ import annotations

from dataclasses import replace

from airflow_enel.domain import ExecutorSpan
from airflow_enel.spark.event_defects import EventDefects
from airflow_enel.spark.event_fields import Event, count, seconds, text, text_or_empty

_ASKED_TO_GO = ("decommission", "killed by driver", "idle")


class ExecutorFold:
    """Folds the events of executors, in the order in which Spark posted them.

    Its methods raise as :mod:`~airflow_enel.spark.event_fields` does if an event cannot be read.
    """

    def __init__(self, defects: EventDefects) -> None:
        self._flaws = defects
        self._spans: dict[str, ExecutorSpan] = {}

    @property
    def spans(self) -> tuple[ExecutorSpan, ...]:
        """All executors in the order in which they came."""
        return tuple(self._spans.values())

    def add(self, event: Event) -> None:
        """An executor has registered."""
        executor_id = text(event, "Executor ID")
        info = event["Executor Info"]
        span = ExecutorSpan(
            executor_id=executor_id,
            host=self._flaws.optional(text, info, "Host") or "",
            cores=self._flaws.optional(count, info, "Total Cores") or 0,
            added_at=seconds(event, "Timestamp"),
        )
        self._spans.setdefault(executor_id, span)

    def remove(self, event: Event) -> None:
        """An executor has gone, for a reason that says whether it was asked to."""
        span = self._spans.get(text(event, "Executor ID"))
        if span is None or span.removed_at is not None:  # Spark reports a decommissioning twice
            return
        removed_at = max(span.added_at, seconds(event, "Timestamp"))
        reason = text_or_empty(event, "Removed Reason")
        asked = any(word in reason.lower() for word in _ASKED_TO_GO)
        draining_at = span.draining_at if span.draining_at is not None else removed_at
        self._spans[span.executor_id] = replace(
            span,
            removed_at=removed_at,
            reason=reason,
            draining_at=draining_at if asked else span.draining_at,
        )

    def drain(self, event: Event) -> None:
        """An executor takes no more tasks."""
        span = self._spans.get(text(event, "Executor ID"))
        if span is not None and span.draining_at is None and span.removed_at is None:
            draining_at = max(span.added_at, seconds(event, "Timestamp"))
            self._spans[span.executor_id] = replace(span, draining_at=draining_at)
