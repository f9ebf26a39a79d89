"""Macros behind the templates of `airflow_enel.agent_conf`, called while another task renders them.

Every Airflow process imports this module with the plugin, so it stays light. A macro never
raises: whatever goes wrong on our side, the other task runs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jinja2 import pass_context

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


@pass_context
def initial_executors(context: Context, **wish: Any) -> int:
    """How many executors to start with."""
    from airflow_enel.execution.external_run import external_run  # noqa: PLC0415 - loads numpy

    return external_run(context, **wish).initial_executors


@pass_context
def token_sha256(context: Context, **wish: Any) -> str:
    """The SHA-256 of the agent's token, which only the history knows."""
    from airflow_enel.execution.external_run import external_run  # noqa: PLC0415 - loads numpy

    return external_run(context, **wish).token_sha256


@pass_context
def context_value(context: Context, name: str) -> str:
    """An entry of the run's context as the value of a Spark property, "None" without it.

    The macros that open the run have to be rendered before.
    """
    from airflow_enel.execution.external_run import context_value  # noqa: PLC0415 - loads numpy
    from airflow_enel.spark.properties import context_text  # noqa: PLC0415

    value = context_value(context, name)
    return str(value) if value is None else context_text(value)


@pass_context
def port_file(context: Context) -> str:
    """Where the agent tells its address."""
    return _file(context, "agent_address")


@pass_context
def final_file(context: Context) -> str:
    """Where the agent leaves the final state."""
    return _file(context, "final_state")


def jar(first: bool) -> str:
    """The agent's jar, behind others or behind those of ``spark-defaults.conf``.

    :param first: False if others stand before it
    """
    return _behind("spark.jars", _jar(), first=first)


def listener(first: bool) -> str:
    """The agent's class, behind others or behind those of ``spark-defaults.conf``.

    Without its jar there is nothing: Spark would not start with a listener that is not there.

    :param first: False if others stand before it
    """
    from airflow_enel.spark.agent import LISTENER_CLASS  # noqa: PLC0415

    return _behind("spark.extraListeners", LISTENER_CLASS if _jar() else "", first=first)


MACROS: list[Callable[..., Any]] = [
    initial_executors,
    token_sha256,
    context_value,
    port_file,
    final_file,
    jar,
    listener,
]


def _behind(name: str, ours: str, *, first: bool) -> str:
    if not first:
        return f",{ours}" if ours else ""
    from airflow_enel.spark.submission.conf import spark_defaults  # noqa: PLC0415

    theirs = spark_defaults(None, os.environ).get(name)
    return ",".join(part for part in (theirs, ours) if part)


def _jar() -> str:
    from airflow_enel.spark.agent import agent_jar  # noqa: PLC0415

    try:
        return str(agent_jar())
    except FileNotFoundError as error:
        log.warning("The application runs unwatched: %s", error)
        return ""


def _file(context: Context, name: str) -> str:
    from airflow_enel.execution.external_run import run_folder  # noqa: PLC0415 - loads numpy

    try:
        return str(getattr(run_folder(context), name))
    except Exception as error:
        log.warning("The agent of the application leaves no files: %s", error)
        return ""
