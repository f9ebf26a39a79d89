"""Submitting an operator's application in client mode, by Airflow's own hook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_spark_properties,
    inject_transport_information_into_spark_properties,
)
from airflow.providers.common.compat.sdk import conf

from airflow_enel.domain import RunKey
from airflow_enel.operators.checks import check_connection, check_master
from airflow_enel.operators.embedded import embed
from airflow_enel.spark.agent import agent_jar
from airflow_enel.spark.submission.conf import (
    agent_conf,
    merge_conf,
    sizing_conf,
    spark_defaults,
)

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from airflow_enel.domain import Bounds
    from airflow_enel.operators.attach import Submission
    from airflow_enel.operators.spark import EnelSparkOperator
    from airflow_enel.spark.submission.keeper import DriverFolder


CORES_BY_DEFAULT: Final = "1"
"""Otherwise an executor of a standalone cluster takes all cores of its worker."""


def work_dir() -> Path | None:
    """``[enel] work_dir``, where the folders of drivers are; None for the default."""
    configured = conf.get("enel", "work_dir", fallback="")
    return Path(configured) if configured else None


def run_key(context: Context) -> RunKey:
    """The application that this try of a task submits."""
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        submit_try=ti.try_number,
    )


def command_of(
    operator: EnelSparkOperator, context: Context, submission: Submission, folder: DriverFolder
) -> tuple[SparkSubmitHook, list[str], dict[str, str]]:
    """The hook that submits a run, the command that it builds, and the command's environment.

    :raises ValueError: for a cluster that cannot be steered
    :raises ConnectionError: if no master answers
    """
    run = submission.run
    ours = {
        **sizing_conf(run.bounds, run.initial_executors),
        **agent_conf(submission.token, folder.port, folder.final),
    }
    hook = hook_of(operator, context, run.bounds, ours)
    check_connection(hook, operator.policy)
    check_master(hook._connection["master"])
    command = hook._build_spark_submit_command(operator.application)
    return hook, command, {**os.environ, **(hook._env or {})}


def hook_of(
    operator: EnelSparkOperator, context: Context, bounds: Bounds, ours: Mapping[str, str]
) -> SparkSubmitHook:
    """Airflow's hook with our configuration on top of the author's."""
    own = _own_conf(operator, context)
    replaced = sorted(name for name in ours if name in own)
    if replaced:
        operator.log.info("The size is ours, so these settings are replaced: %s", replaced)
    defaults = spark_defaults(operator.properties_file, {**os.environ, **(operator.env_vars or {})})
    merged, jars = merge_conf(own, ours, agent_jar(), operator.jars, defaults)
    if operator._executor_cores is None and "spark.executor.cores" not in defaults:
        merged.setdefault("spark.executor.cores", CORES_BY_DEFAULT)
    hook = operator.submit_hook(merged, jars)
    hook._num_executors = None  # see sizing_conf
    embed(hook, bounds, operator._executor_cores, operator._executor_memory)
    return hook


def _own_conf(operator: EnelSparkOperator, context: Context) -> dict[str, Any]:
    own = operator.conf or {}
    if operator._openlineage_inject_parent_job_info:
        own = inject_parent_job_information_into_spark_properties(own, context)
    if operator._openlineage_inject_transport_info:
        own = inject_transport_information_into_spark_properties(own, context)
    return own
