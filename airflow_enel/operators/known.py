"""What is known of a run before it starts: the context that goes with it into the history.

It comes from what the task submits and from the author of the DAG, whose word may also be Spark
properties that begin with ``spark.enel.context.``, as in event logs. Arguments, environment and all
other configuration stay out of it: they may hold secrets, and everybody can see a context.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from airflow_enel.domain import NO_CONTEXT, ContextValue, RunContext
from airflow_enel.domain.context import check_entry, read_context
from airflow_enel.spark.properties import given_context, installed_version, size_context
from airflow_enel.spark.submission.conf import spark_defaults

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_OPTIONS = {
    "spark.executor.cores": "_executor_cores",
    "spark.executor.memory": "_executor_memory",
    "spark.driver.memory": "_driver_memory",
}
"""Properties that an argument of ``SparkSubmitOperator`` sets, and where it keeps that."""


def run_context(
    task: object, author: object, log: Logger, *, cores: str | None = None
) -> RunContext:
    """Return the context of the run that a task is about to submit; it never raises.

    :param task: any operator; of one that is no ``SparkSubmitOperator`` little is known
    :param author: what the author of the DAG has given, rendered; goes before properties
    :param cores: of an executor, if nothing says otherwise
    """
    automatic = NO_CONTEXT
    complaints: tuple[str, ...]
    try:
        env = {**os.environ, **(getattr(task, "env_vars", None) or {})}
        properties = _properties(task, env, cores)
        automatic = RunContext.of(_fitting(_submitted(task, env, properties)))
        given = dict(given_context(properties)) | dict(
            author if isinstance(author, Mapping) else {}
        )
        context, complaints = read_context(given.items(), automatic)
    except Exception as error:  # whatever it is, the Spark job must run
        context, complaints = automatic, (f"{type(error).__name__}: {error}",)
    if not complaints and not isinstance(author, Mapping | None):
        complaints = (f"it must be a mapping, not a {type(author).__name__}",)
    if complaints:
        log.warning("Left out of the context of this run: %s", "; ".join(complaints))
    return context


def _properties(task: Any, env: Mapping[str, str], cores: str | None) -> dict[str, Any]:
    """Spark's properties as far as the task sets them; none of a task that is no spark-submit."""
    if not _is_submit(task):
        return {}
    given = {name: getattr(task, option, None) for name, option in _OPTIONS.items()}
    return {
        **({} if cores is None else {"spark.executor.cores": cores}),
        **spark_defaults(getattr(task, "properties_file", None), env),
        **(getattr(task, "conf", None) or {}),
        **{name: value for name, value in given.items() if value is not None},
    }


def _is_submit(task: object) -> bool:
    return hasattr(task, "_executor_memory")


def _submitted(
    task: Any, env: Mapping[str, str], properties: Mapping[str, object]
) -> dict[str, ContextValue]:
    found: dict[str, ContextValue] = {}
    application = urlparse(str(getattr(task, "application", None) or ""))
    if name := PurePosixPath(application.path).name:
        found["application"] = name
    if not _is_submit(task):
        return found
    found |= size_context(properties)
    version = installed_version(env)
    return found if version is None else found | {"spark_version": version}


def _fitting(entries: Mapping[str, ContextValue]) -> dict[str, ContextValue]:
    return {name: value for name, value in entries.items() if _fits(name, value)}


def _fits(name: str, value: ContextValue) -> bool:
    try:
        check_entry(name, value)
    except ValueError:
        return False
    return True
