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

    from airflow_enel.spark.submission.arguments import SubmitArguments


def run_context(
    application: str,
    arguments: SubmitArguments | None,
    author: object,
    log: Logger,
    *,
    cores: str | None = None,
) -> RunContext:
    """Return the context of the run that a task is about to submit; it never raises.

    :param application: file or URL that is submitted, empty if it is not known
    :param arguments: of the task, None if it is no ``SparkSubmitOperator``
    :param author: what the author of the DAG has given, rendered; goes before properties
    :param cores: of an executor, if nothing says otherwise
    """
    automatic = NO_CONTEXT
    complaints: tuple[str, ...]
    try:
        properties: dict[str, Any] = {}
        entries: dict[str, ContextValue] = {}
        if name := PurePosixPath(urlparse(application).path).name:
            entries["application"] = name
        if arguments is not None:
            env = {**os.environ, **arguments.env_vars}
            properties = _properties(arguments, env, cores)
            entries |= _sizes_and_version(properties, env)
        automatic = RunContext.of(_fitting(entries))
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


def _properties(
    arguments: SubmitArguments, env: Mapping[str, str], cores: str | None
) -> dict[str, Any]:
    """Spark's properties as far as the task sets them: arguments, then conf, then defaults."""
    given = {
        "spark.executor.cores": arguments.executor_cores,
        "spark.executor.memory": arguments.executor_memory,
        "spark.driver.memory": arguments.driver_memory,
    }
    return {
        **({} if cores is None else {"spark.executor.cores": cores}),
        **spark_defaults(arguments.properties_file, env),
        **arguments.conf,
        **{name: value for name, value in given.items() if value is not None},
    }


def _sizes_and_version(
    properties: Mapping[str, object], env: Mapping[str, str]
) -> dict[str, ContextValue]:
    version = installed_version(env)
    found = dict(size_context(properties))
    return found if version is None else found | {"spark_version": version}


def _fitting(entries: Mapping[str, ContextValue]) -> dict[str, ContextValue]:
    return {name: value for name, value in entries.items() if _fits(name, value)}


def _fits(name: str, value: ContextValue) -> bool:
    try:
        check_entry(name, value)
    except ValueError:
        return False
    return True
