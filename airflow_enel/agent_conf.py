"""`agent_conf`: Spark configuration with which the application of any operator can be scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from airflow_enel.control.deadline import DagRunMoment
from airflow_enel.control.policies import find_policy
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain import Bounds
from airflow_enel.domain.context import CALENDAR, CODE, INPUT_SIZE
from airflow_enel.operators.validation import (
    check_choice,
    check_context,
    check_input_paths,
    check_risk,
    check_target,
)
from airflow_enel.spark.properties import context_property
from airflow_enel.spark.submission.conf import agent_settings, sizing_conf

if TYPE_CHECKING:
    from datetime import timedelta

_LAST_PORT: Final = 65535


def agent_conf(
    *,
    runtime_target: timedelta | float | str | None = None,
    deadline: datetime | timedelta | str | None = None,
    deadline_reference: str = "run_after",
    min_executors: int = 1,
    max_executors: int = 8,
    policy: str = "enel",
    risk: float | None = None,
    profile: bool = False,
    job_key: str | None = None,
    initial_executors: int | None = None,
    context: Mapping[str, str | float] | None = None,
    input_paths: str | Sequence[str] | None = None,
    conf: Mapping[str, str] | None = None,
    agent_host: str | None = None,
    agent_port: int | None = None,
) -> dict[str, str]:
    """Spark configuration for the templated ``conf=`` of an operator that is none of ours.

    ::

        SparkSubmitOperator(
            task_id="report",
            application="report.py",
            conf=agent_conf(runtime_target=timedelta(minutes=10), max_executors=16),
        )

    An :class:`~airflow_enel.sensors.spark.EnelSparkSensor` on that task observes and scales the
    application. The values are templates that call macros of our plugin: when the task renders
    them, the run is opened in the history and sized from it, and a secret for the agent is made,
    of which the configuration has only the SHA-256. Should that fail, the application runs at a
    fixed size with an agent that lets nobody in.

    Leave ``num_executors`` of the operator alone, and give jars and listeners of your own in
    ``conf`` here: options of spark-submit would hide these. On a standalone cluster set
    ``spark.executor.cores``, as otherwise one executor takes a whole worker.

    :param runtime_target: how long the application may take: a timedelta, seconds, or a text such
        as "PT10M". Policies without a target do without.
    :param deadline: when the DAG run must have ended, see the operator (templated). Without it and
        without a target the ``DeadlineAlert`` of the DAG is used, if this is called while the DAG
        is defined, as in ``with DAG(…)``.
    :param deadline_reference: what a time counts from, see the operator
    :param min_executors: the fewest executors ever
    :param max_executors: the most executors ever
    :param policy: how executors are chosen, see the operator
    :param risk: probability to miss the target that you accept, see the operator
    :param profile: True to size the first runs for learning, see the operator
    :param job_key: identity of the recurring job within the DAG, by default the task id
    :param initial_executors: the size to start with; by default the policy chooses it
    :param context: what else is known before the start, see the operator (templated)
    :param input_paths: what the application reads, see the operator (templated)
    :param conf: configuration of your own, which may have templates; ours is added to it
    :param agent_host: address that the agent listens on, by default only the driver's own machine
    :param agent_port: a fixed port for it, for a sensor's ``agent_address``; by default any
    :raises ValueError: for arguments that cannot work
    """
    bounds = Bounds(min_executors, max_executors)
    target_s = parse_runtime_target(runtime_target)
    check_target(target_s, deadline, find_policy(policy), may_have_alert=_dag_has_deadline())
    check_choice("deadline_reference", deadline_reference, DagRunMoment)
    if initial_executors is not None and bounds.clamp(initial_executors) != initial_executors:
        raise ValueError(
            f"initial_executors is {initial_executors}; it must lie within min_executors "
            f"({min_executors}) and max_executors ({max_executors})"
        )
    check_risk(risk)
    check_context(context, at_run_time=False)
    check_input_paths(input_paths, at_run_time=False)
    paths = [input_paths] if isinstance(input_paths, str) else list(input_paths or ())
    wish: dict[str, Any] = {
        "target_s": target_s,
        "min_executors": min_executors,
        "max_executors": max_executors,
        "policy": policy,
        "risk": risk,
        "profile": profile,
        "job_key": job_key,
        "initial_executors": initial_executors,
        "known": dict(context or {}),
        "input_paths": paths,
        "deadline": deadline.isoformat() if isinstance(deadline, datetime) else _text(deadline),
        "deadline_reference": deadline_reference,
    }
    known = ("application", CODE, *CALENDAR, *([INPUT_SIZE] if paths else ()), *(context or {}))
    own = dict(conf or {})
    return {
        **own,
        **sizing_conf(bounds, _template("initial_executors", **wish)),
        **agent_settings(
            _template("token_sha256", **wish),
            _template("port_file"),
            _template("final_file"),
        ),
        **_listening(agent_host, agent_port),
        **{context_property(name): _template("context_value", name=name) for name in known},
        "spark.jars": _appended(own.get("spark.jars"), "jar"),
        "spark.extraListeners": _appended(own.get("spark.extraListeners"), "listener"),
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _dag_has_deadline() -> bool:
    """True while a DAG that has one is defined."""
    with suppress(ImportError):  # where Airflow hides it
        from airflow.sdk.definitions._internal.contextmanager import DagContext  # noqa: PLC0415

        return bool(getattr(DagContext.get_current(), "deadline", None))
    return False


def _listening(host: str | None, port: int | None) -> dict[str, str]:
    settings: dict[str, str] = {}
    if host is not None:
        settings["spark.enel.agent.host"] = host
    if port is not None:
        if not 0 < port <= _LAST_PORT:
            raise ValueError(f"agent_port is {port}; write a port from 1 to {_LAST_PORT}")
        settings["spark.enel.agent.port"] = str(port)
    return settings


def _appended(own: str | None, macro: str) -> str:
    """What the user has, which may be a template, with what a macro gives behind it."""
    return (own or "") + _template(macro, first=not own)


def _template(macro: str, **arguments: Any) -> str:
    # ascii(): a literal of Python that is one of Jinja as well, whatever is in a text.
    literals = ", ".join(f"{name}={value!a}" for name, value in arguments.items())
    return f"{{{{ macros.enel.{macro}({literals}) }}}}"
