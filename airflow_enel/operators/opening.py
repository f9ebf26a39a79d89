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
from airflow_enel.domain import NO_CONTEXT, Bounds, Run, RunContext, RunKey, ScaleAnswer, Step
from airflow_enel.history.base import History, HistoryError
from airflow_enel.operators.connect import connected_history
from airflow_enel.operators.known import run_context
from airflow_enel.operators.models import job_model, needs_stages
from airflow_enel.operators.observe import steering_of
from airflow_enel.operators.submit import run_key, work_dir
from airflow_enel.spark.submission.keeper import DriverFolder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.control.policies import JobModel
    from airflow_enel.domain import PastRun

log = cast("Logger", logging.getLogger(__name__))


@dataclass(frozen=True, slots=True)
class Wish:
    """What the author of a DAG wants of an application, see `foreign.agent_conf`."""

    target_s: float | None
    bounds: Bounds
    policy: str
    job_key: str | None
    initial_executors: int | None
    context: RunContext = NO_CONTEXT


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
    **wish: object,
) -> Opening:
    """Open the run of the task that renders, or tell what was decided when it was opened.

    It never raises: without a history the agent is closed, as nobody knows its token.

    :param known: what the author knows of the run, with templates
    """
    wanted = Wish(bounds=Bounds(min_executors, max_executors), **wish)  # type: ignore[arg-type]
    key = run_key(context)
    if key.id not in _OPENINGS:
        author = _rendered(context, known)
        wanted = replace(wanted, context=run_context(context.get("task"), author, log))
        _OPENINGS[key.id] = _open_or_closed(context, key, wanted)
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


def _open_or_closed(context: Context, key: RunKey, wish: Wish) -> Opening:
    try:
        with connected_history(context, log) as history:
            if history is None:  # which was told
                return Opening(_closed(), _first_step(key, wish, ()).decision.executors)
            return _open(context, history, key, wish)
    except Exception as error:  # whatever it is, the other task must run
        log.warning("Nobody can watch the application, it keeps its first size: %s", error)
        return Opening(_closed(), wish.initial_executors or wish.bounds.maximum)


def _open(context: Context, history: History, key: RunKey, wish: Wish) -> Opening:
    found = history.application(key.dag_id, key.run_id, key.task_id, key.map_index)
    if found.run is not None and found.run.id == key.id:
        token = history.token_of(key.id)
        return Opening(_sha256(token) if token else _closed(), found.run.run.initial_executors)
    chosen, job_key = find_policy(wish.policy), _job_key(key, wish)
    past_runs = history.past_runs(key.dag_id, job_key, stages=needs_stages(chosen))
    step = _first_step(key, wish, past_runs, job_model(chosen, history, key.dag_id, job_key, log))
    if found.task_state != "running":
        return Opening(_closed(), step.decision.executors)
    token = secrets.token_urlsafe(32)
    history.open_run(_run(context, key, wish, step), token)
    log.info("Decision 0: %s", step.decision.reason)
    try:
        _make_folder(context)
        history.intend(key.id, step)
        history.complete(key.id, 0, ScaleAnswer(accepted=True, executors=0, message="submitted"))
    except (HistoryError, OSError) as error:
        log.warning("The record of this run has a gap: %s", error)
    return Opening(_sha256(token), step.decision.executors)


def _first_step(
    key: RunKey, wish: Wish, past_runs: tuple[PastRun, ...], model: JobModel | None = None
) -> Step:
    steering = steering_of(
        *(wish.policy, wish.target_s, wish.bounds, key.submit_try), past_runs, wish.context, model
    )
    if wish.initial_executors is not None:
        steering = replace(steering, policy=find_policy("static"))
    return first_step(steering, past_runs, wish.initial_executors, time.time())


def _run(context: Context, key: RunKey, wish: Wish, step: Step) -> Run:
    task = context["task"]
    return Run(
        key=key,
        job_key=_job_key(key, wish),
        application=str(getattr(task, "application", None) or task.task_type),
        policy=wish.policy,
        bounds=wish.bounds,
        runtime_target_s=wish.target_s,
        initial_executors=step.decision.executors,
        submitted_at=step.decision.decided_at,
        foreign_operator=True,
        context=wish.context,
    )


def _job_key(key: RunKey, wish: Wish) -> str:
    return wish.job_key or key.task_id


def _make_folder(context: Context) -> None:
    folder = driver_folder(context)
    if not folder.exists:
        folder.make()


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _closed() -> str:
    """The hash of a token that nobody has."""
    return _sha256(secrets.token_urlsafe(32))
