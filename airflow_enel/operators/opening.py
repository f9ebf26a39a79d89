"""Opens the run of an application that another operator submits, while its task renders.

Templates are rendered more than once: when a deferred task resumes, and by ``airflow tasks
render`` at any time. So a run is opened only for a try that is running, once; whoever comes later
is told what was decided then.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from airflow_enel.control.decide import first_step
from airflow_enel.control.policies import policy as find_policy
from airflow_enel.domain import Bounds, ScaleAnswer, Step
from airflow_enel.history.base import History, HistoryError
from airflow_enel.operators.arguments import SubmitArguments
from airflow_enel.operators.connect import connected_history
from airflow_enel.operators.known import run_context
from airflow_enel.operators.models import job_model, needs_stages
from airflow_enel.operators.observe import steering_of
from airflow_enel.operators.request import RunRequest, run_key
from airflow_enel.operators.submit import work_dir
from airflow_enel.spark.submission.keeper import DriverFolder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.control.policies import JobModel
    from airflow_enel.domain import PastRun

log = cast("Logger", logging.getLogger(__name__))


@dataclass(frozen=True, slots=True)
class Opening:
    """What becomes part of the Spark configuration."""

    token_sha256: str
    initial_executors: int


_OPENINGS: Final[dict[str, Opening]] = {}
"""Of the tasks that this process has rendered: several templates of one task ask for it."""


def opening(
    context: Context,
    *,
    min_executors: int,
    max_executors: int,
    known: Mapping[str, object],
    policy: str,
    target_s: float | None,
    job_key: str | None,
    initial_executors: int | None,
) -> Opening:
    """Open the run of the task that renders, or tell what was decided when it was opened.

    It never raises: without a history the agent is closed, as nobody knows its token.

    :param known: what the author knows of the run, with templates
    """
    key = run_key(context)
    if key.id not in _OPENINGS:
        task = context.get("task")
        application = str(getattr(task, "application", None) or "")
        request = RunRequest(
            key=key,
            job_key=job_key or key.task_id,
            application=application or str(getattr(task, "task_type", "")),
            policy=policy,
            bounds=Bounds(min_executors, max_executors),
            runtime_target_s=target_s,
            initial_executors=initial_executors,
            context=run_context(
                application, SubmitArguments.of(task), _rendered(context, known), log
            ),
            foreign_operator=True,
        )
        _OPENINGS[key.id] = _open_or_closed(context, request)
    return _OPENINGS[key.id]


def _rendered(context: Any, known: Mapping[str, object]) -> dict[str, object]:
    """What the author knows, without the templates in it that cannot be rendered."""
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


def driver_folder(context: Context) -> DriverFolder:
    """The folder of the driver of a task that renders."""
    return DriverFolder.of(run_key(context).id, work_dir())


def _open_or_closed(context: Context, request: RunRequest) -> Opening:
    try:
        with connected_history(context, log) as history:
            if history is None:  # which was told
                return Opening(_closed(), _first_step(request, ()).decision.executors)
            return _open(context, history, request)
    except Exception as error:  # whatever it is, the other task must run
        log.warning("Nobody can watch the application, it keeps its first size: %s", error)
        return Opening(_closed(), request.initial_executors or request.bounds.maximum)


def _open(context: Context, history: History, request: RunRequest) -> Opening:
    key = request.key
    found = history.application(key.dag_id, key.run_id, key.task_id, key.map_index)
    if found.run is not None and found.run.id == key.id:
        token = history.token_of(key.id)
        return Opening(_sha256(token) if token else _closed(), found.run.run.initial_executors)
    chosen, job = find_policy(request.policy), (key.dag_id, request.job_key)
    past_runs = history.past_runs(*job, stages=needs_stages(chosen))
    step = _first_step(request, past_runs, job_model(chosen, history, *job, log))
    if found.task_state != "running":
        return Opening(_closed(), step.decision.executors)
    token = secrets.token_urlsafe(32)
    history.open_run(request.run(step.decision.executors, step.decision.decided_at), token)
    log.info("Decision 0: %s", step.decision.reason)
    try:
        _make_folder(context)
        history.intend(key.id, step)
        history.complete(key.id, 0, ScaleAnswer(accepted=True, executors=0, message="submitted"))
    except (HistoryError, OSError) as error:
        log.warning("The record of this run has a gap: %s", error)
    return Opening(_sha256(token), step.decision.executors)


def _first_step(
    request: RunRequest, past_runs: tuple[PastRun, ...], model: JobModel | None = None
) -> Step:
    steering = steering_of(
        *(request.policy, request.runtime_target_s, request.bounds, request.key.submit_try),
        past_runs,
        request.context,
        model,
    )
    if request.initial_executors is not None:
        steering = replace(steering, policy=find_policy("static"))
    return first_step(steering, past_runs, request.initial_executors, time.time())


def _make_folder(context: Context) -> None:
    folder = driver_folder(context)
    if not folder.exists:
        folder.make()


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _closed() -> str:
    """The hash of a token that nobody has."""
    return _sha256(secrets.token_urlsafe(32))
