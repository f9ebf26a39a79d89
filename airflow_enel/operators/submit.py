"""Submitting an application in client mode, by Airflow's own hook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import conf

from airflow_enel.operators.checks import check_connection, check_master
from airflow_enel.operators.embedded import use_embedded_cluster
from airflow_enel.operators.provider_hook import ProviderHook
from airflow_enel.spark.agent import agent_jar
from airflow_enel.spark.submission.conf import (
    agent_conf,
    merge_conf,
    sizing_conf,
    spark_defaults,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import Bounds
    from airflow_enel.operators.arguments import SubmitArguments
    from airflow_enel.operators.attach import Submission
    from airflow_enel.operators.provider_hook import MakeHook
    from airflow_enel.spark.submission.keeper import DriverFolder


CORES_BY_DEFAULT: Final = "1"
"""Otherwise an executor of a standalone cluster takes all cores of its worker."""


def work_dir() -> Path | None:
    """``[enel] work_dir``, where the folders of drivers are; None for the default."""
    configured = conf.get("enel", "work_dir", fallback="")
    return Path(configured) if configured else None


def command_of(
    arguments: SubmitArguments,
    make_hook: MakeHook,
    submission: Submission,
    folder: DriverFolder,
    log: Logger,
) -> tuple[ProviderHook, list[str], dict[str, str]]:
    """The hook that submits a run, the command that it builds, and the command's environment.

    :raises ValueError: for a cluster that cannot be steered
    :raises ConnectionError: if no master answers
    """
    run = submission.run
    ours = {
        **sizing_conf(run.bounds, run.initial_executors),
        **agent_conf(submission.token, folder.port, folder.final),
    }
    replaced = sorted(name for name in ours if name in arguments.conf)
    if replaced:
        log.info("The size is ours, so these settings are replaced: %s", replaced)
    hook = hook_of(arguments, make_hook, run.bounds, ours)
    check_connection(hook, run.policy)
    check_master(hook.master)
    return hook, hook.command(arguments.application), {**os.environ, **hook.env}


def hook_of(
    arguments: SubmitArguments, make_hook: MakeHook, bounds: Bounds, ours: Mapping[str, str]
) -> ProviderHook:
    """Airflow's hook with our configuration on top of the author's."""
    defaults = spark_defaults(arguments.properties_file, {**os.environ, **arguments.env_vars})
    merged, jars = merge_conf(arguments.conf, ours, agent_jar(), arguments.jars, defaults)
    if arguments.executor_cores is None and "spark.executor.cores" not in defaults:
        merged.setdefault("spark.executor.cores", CORES_BY_DEFAULT)
    hook = ProviderHook(make_hook(merged, jars))
    hook.leave_size_to_conf()  # see sizing_conf
    use_embedded_cluster(hook, bounds, arguments)
    return hook
