"""The runtime target of a request, where its author has given a deadline, or the DAG has one.

Without the history, which knows the deadlines of the DAG, what follows in it and how long a start
takes, a run goes on with what is known.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_enel.control.deadline import (
    DagRunMoment,
    deadline_at,
    nearest_deadline,
    parse_deadline,
    target_of_deadline,
)
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import TargetSource
from airflow_enel.history.interface import HistoryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from airflow.sdk.types import Logger

    from airflow_enel.domain import DagRunOutlook
    from airflow_enel.execution.request import RunRequest
    from airflow_enel.history.interface import History


def has_deadline_alert(context: Any) -> bool:
    """True if the DAG of a task has a ``DeadlineAlert``.

    :param context: of the task instance, or Jinja's while it renders
    """
    return bool(getattr(context.get("dag"), "deadline", None))


def given_deadline_at(
    value: datetime | timedelta | str | None, reference: str, context: Any
) -> float | None:
    """Seconds since the epoch of the deadline that an author has given, None if none.

    :param value: rendered
    :param reference: name of a `DagRunMoment`
    :raises ValueError: if it is none, or the DAG run lacks the moment that it counts from
    """
    deadline = parse_deadline(value)
    if deadline is None:
        return None
    dag_run = context.get("dag_run")
    moments = {moment: getattr(dag_run, moment.value, None) for moment in DagRunMoment}
    return deadline_at(deadline, moments, DagRunMoment(reference))


def with_target(
    request: RunRequest,
    history: History | None,
    log: Logger,
    now: Callable[[], float],
    *,
    deadline_alert: bool,
) -> RunRequest:
    """Return a request with the runtime target of its deadline, or of the DAG's.

    :param now: seconds since the epoch; asked last, as an API server that is away takes its time
    :param deadline_alert: True if the DAG has one
    """
    if request.runtime_target_s is not None:
        return replace(request, target_source=TargetSource.RUNTIME_TARGET, deadline_at=None)
    if request.deadline_at is None and not deadline_alert:
        return request
    outlook = _outlook(request, history, log)
    at, source = request.deadline_at, TargetSource.DEADLINE
    if at is None:
        if outlook is None:
            return _without_target(request, log)
        at, source = nearest_deadline(outlook.deadlines_at, now()), TargetSource.DEADLINE_ALERT
    if at is None:
        log.warning("The DAG has a deadline, but Airflow has computed none for this DAG run")
        return _without_target(request, log)
    target = target_of_deadline(at, source, outlook, now())
    left = f"Target {target.runtime_s:.0f} s" if target.runtime_s else "No time is left"
    log.info("%s: %s", left, target.reason)
    return replace(
        request,
        runtime_target_s=target.runtime_s,
        target_source=source,
        deadline_at=at,
        overdue_s=target.overdue_s,
    )


def _outlook(request: RunRequest, history: History | None, log: Logger) -> DagRunOutlook | None:
    if history is None:  # which was logged
        return None
    key = request.key
    try:
        return history.outlook(key.dag_id, key.run_id, key.task_id, request.job_key)
    except HistoryError as error:
        log.warning("Neither deadlines of the DAG nor what follows in it is known: %s", error)
        return None


def _without_target(request: RunRequest, log: Logger) -> RunRequest:
    """A request whose target stays unknown, which must not keep its application from running."""
    if not find_policy(request.policy).needs_target:
        return request
    log.warning(
        "Without a target the policy %r cannot work: the application runs at num_executors, or at "
        "the largest size",
        request.policy,
    )
    return replace(request, policy="static")
