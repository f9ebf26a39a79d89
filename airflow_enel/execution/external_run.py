"""Opens the run of an application that another operator submits, while its task renders.

Templates are rendered more than once: when a deferred task resumes, and by ``airflow tasks
render`` at any time. So a run is opened only for a try that is running, once; every later rendering
gets what was decided then.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from airflow_enel.control.deadline import DagRunMoment
from airflow_enel.domain import NO_CONTEXT, Bounds, ContextValue, RunContext
from airflow_enel.execution.history_access import connected_history
from airflow_enel.execution.input_size import with_input_size
from airflow_enel.execution.open_run import open_run
from airflow_enel.execution.request import RunRequest, run_key, work_dir
from airflow_enel.execution.run_context import data_start_of, run_context
from airflow_enel.execution.run_target import given_deadline_at, has_deadline_alert, with_target
from airflow_enel.execution.scaling_config import NO_PAST, job_past
from airflow_enel.history.interface import History, HistoryError
from airflow_enel.spark.submission.arguments import SubmitArguments
from airflow_enel.spark.submission.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

log = cast("Logger", logging.getLogger(__name__))


@dataclass(frozen=True, slots=True)
class ExternalRun:
    """What the Spark configuration of the other operator contains."""

    token_sha256: str
    initial_executors: int
    context: RunContext = NO_CONTEXT


_RUNS: Final[dict[str, ExternalRun]] = {}
"""Of the tasks that this process has rendered: several templates of one task ask for it."""


def external_run(context: Context, **arguments: Any) -> ExternalRun:
    """Open the run of the task that renders, or return what was decided when it was opened.

    It never raises for what goes wrong on our side: without a history the agent gets a token that
    nobody knows, and the application keeps its first size.

    :param arguments: of `request_of`
    """
    key = run_key(context)
    if key.id not in _RUNS:
        request = request_of(context, **arguments)
        _RUNS[key.id] = _open_or_closed(context, request)
    return _RUNS[key.id]


def request_of(
    context: Context,
    *,
    target_s: float | None,
    min_executors: int,
    max_executors: int,
    policy: str,
    job_key: str | None,
    initial_executors: int | None,
    known: Mapping[str, object],
    input_paths: Sequence[str] = (),
    deadline: str | None = None,
    deadline_reference: str = DagRunMoment.RUN_AFTER.value,
    risk: float | None = None,
    profile: bool = False,
) -> RunRequest:
    """Return the request of a task of another operator.

    :param known: the author's context of the run, with templates
    :param input_paths: what the application reads, with templates
    :param deadline: as text, with templates
    :param deadline_reference: name of a `DagRunMoment`
    """
    key, task = run_key(context), context.get("task")
    application = str(getattr(task, "application", None) or "")
    return RunRequest(
        key=key,
        job_key=job_key or key.task_id,
        application=application or str(getattr(task, "task_type", "")),
        policy=policy,
        bounds=Bounds(min_executors, max_executors),
        runtime_target_s=target_s,
        deadline_at=_deadline_at(context, deadline, deadline_reference),
        initial_executors=initial_executors,
        context=run_context(
            application,
            SubmitArguments.of(task),
            _rendered(context, known),
            log,
            data_start=data_start_of(context),
        ),
        input_paths=tuple(str(path) for path in _rendered(context, _named(input_paths)).values()),
        foreign_operator=True,
        risk=risk,
        profile=profile,
    )


def context_value(context: Context, name: str) -> ContextValue | None:
    """Return an entry of the context of the run that an earlier template has opened."""
    opened = _RUNS.get(run_key(context).id)
    return None if opened is None else opened.context.get(name)


def run_folder(context: Context) -> RunFolder:
    """Return the folder of the run of a task that renders."""
    return RunFolder.of(run_key(context).id, work_dir())


def _rendered(context: Any, known: Mapping[str, object]) -> dict[str, object]:
    """Return the author's context without the templates in it that cannot be rendered."""
    rendered: dict[str, object] = {}
    for name, value in known.items():
        if not isinstance(value, str) or "{" not in value:
            rendered[name] = value
            continue
        try:
            template = context.environment.from_string(value)
            rendered[name] = template.render(context.get_all())
        except Exception as error:  # whatever it is, the other task must run
            log.warning("Left out of the context of this run: %r: %s", name, error)
    return rendered


def _deadline_at(context: Any, deadline: str | None, reference: str) -> float | None:
    """Return the author's deadline; None, logged, if it cannot be rendered or is none."""
    rendered = _rendered(context, {"deadline": deadline} if deadline else {}).get("deadline")
    try:
        return given_deadline_at(cast("str | None", rendered), reference, context)
    except ValueError as error:  # the other task must run
        log.warning("The run goes without its deadline: %s", error)
        return None


def _with_target(context: Any, history: History | None, request: RunRequest) -> RunRequest:
    alert = has_deadline_alert(context)
    return with_target(request, history, log, time.time, deadline_alert=alert)


def _named(paths: Sequence[str]) -> dict[str, object]:
    return {f"input path {number}": path for number, path in enumerate(paths)}


def _open_or_closed(context: Context, request: RunRequest) -> ExternalRun:
    try:
        with connected_history(context, log) as history:
            if history is None:  # which was logged
                request = _with_target(context, None, request)
                step = open_run(request, NO_PAST).step
                return ExternalRun(_unknown_token(), step.decision.executors, request.context)
            return _open(context, history, request)
    except Exception as error:  # whatever it is, the other task must run
        log.warning("Nobody can watch the application, it keeps its first size: %s", error)
        size = request.initial_executors or request.bounds.maximum
        return ExternalRun(_unknown_token(), size, request.context)


def _open(context: Context, history: History, request: RunRequest) -> ExternalRun:
    key = request.key
    found = history.application(key.dag_id, key.run_id, key.task_id, key.map_index)
    if found.run is not None and found.run.id == key.id:
        agent = history.agent_of(key.id)
        sha256 = _unknown_token() if agent is None else _sha256(agent.token)
        return ExternalRun(sha256, found.run.run.initial_executors, found.run.run.context)
    if found.task_state == "running":
        request = with_input_size(request, log)
    past = job_past(history, request, log)
    new = open_run(_with_target(context, history, request), past)
    if found.task_state != "running":
        return ExternalRun(_unknown_token(), new.run.initial_executors, request.context)
    new.opened.apply(history)
    log.info("Decision 0: %s", new.step.decision.reason)
    log.info("More of it: airflow enel explain %s", new.run.key.id)
    if new.shortfall is not None:
        log.warning("The target cannot be met: %s", new.shortfall)
    try:
        folder = run_folder(context)
        if not folder.exists:
            folder.make()
        for record in new.first_decision:
            record.apply(history)
    except (HistoryError, OSError) as error:
        log.warning("The record of this run has a gap: %s", error)
    return ExternalRun(_sha256(new.submission.token), new.run.initial_executors, request.context)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _unknown_token() -> str:
    """Return the hash of a token that nobody has."""
    return _sha256(secrets.token_urlsafe(32))
