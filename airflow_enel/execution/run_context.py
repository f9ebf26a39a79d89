"""What is known of a run before it starts: the context that goes with it into the history.

It comes from what the task submits, from the start of its data interval, and from the author of
the DAG, whose word may also be Spark properties that begin with ``spark.enel.context.``, as in
event logs. Arguments, environment and all other configuration stay out of it: they may hold
secrets, and everybody can see a context.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from airflow_enel.domain import NO_CONTEXT, ContextValue, RunContext
from airflow_enel.domain.context import CODE, calendar_context, check_entry, read_context
from airflow_enel.execution.code_digest import code_digest
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
    data_start: datetime | None = None,
) -> RunContext:
    """Return the context of the run that a task is about to submit; it never raises.

    :param application: file or URL that is submitted, empty if it is not known
    :param arguments: of the task, None if it is no ``SparkSubmitOperator``
    :param author: what the author of the DAG has given, rendered; goes before properties
    :param cores: of an executor, if nothing says otherwise
    :param data_start: see `data_start_of`
    """
    automatic = NO_CONTEXT
    complaints: tuple[str, ...]
    try:
        properties: dict[str, Any] = {}
        entries: dict[str, ContextValue] = {}
        if name := PurePosixPath(urlparse(application).path).name:
            entries["application"] = name
        if data_start is not None:
            entries |= calendar_context(data_start)
        if arguments is not None:
            env = {**os.environ, **arguments.env_vars}
            properties = _properties(arguments, env, cores)
            entries |= _sizes_and_version(properties, env)
            if digest := code_digest(arguments, properties, log):
                entries[CODE] = digest
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


def data_start_of(context: Any) -> datetime | None:
    """Return the start of the data interval of a task, in the time zone of its DAG.

    Without an interval it is the logical date, or the moment after which the DAG run may run.

    :param context: of the task instance, or Jinja's while it renders
    """
    run_after = getattr(context.get("dag_run"), "run_after", None)
    moments = (context.get("data_interval_start"), context.get("logical_date"), run_after)
    start = next((moment for moment in moments if isinstance(moment, datetime)), None)
    zone = getattr(context.get("dag"), "timezone", None)
    return start.astimezone(zone) if start and isinstance(zone, tzinfo) else start


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
