"""The arguments of a ``SparkSubmitOperator``, without the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_spark_properties,
    inject_transport_information_into_spark_properties,
)

if TYPE_CHECKING:
    from airflow.sdk import Context


CORES_BY_DEFAULT: Final = "1"
"""Otherwise an executor of a standalone cluster takes all cores of its worker."""


@dataclass(frozen=True, slots=True)
class SubmitArguments:
    """The arguments of a ``SparkSubmitOperator`` that sizing and context depend on."""

    application: str
    conf: Mapping[str, Any]
    jars: str | None
    py_files: str | None
    properties_file: str | None
    env_vars: Mapping[str, str]
    executor_cores: int | None
    executor_memory: str | None
    driver_memory: str | None

    @classmethod
    def of(cls, task: Any, context: Context | None = None) -> SubmitArguments | None:
        """Read the arguments of a task, with its templates rendered.

        :param context: of the task instance, to pass OpenLineage's information on to Spark where
            the task asks for that
        :returns: None if the task is no ``SparkSubmitOperator``
        """
        if not hasattr(task, "_executor_memory"):
            return None
        return cls(
            application=getattr(task, "application", None) or "",
            conf=_with_lineage(task, getattr(task, "conf", None) or {}, context),
            jars=getattr(task, "jars", None),
            py_files=getattr(task, "py_files", None),
            properties_file=getattr(task, "properties_file", None),
            env_vars=getattr(task, "env_vars", None) or {},
            executor_cores=getattr(task, "_executor_cores", None),
            executor_memory=getattr(task, "_executor_memory", None),
            driver_memory=getattr(task, "_driver_memory", None),
        )


def _with_lineage(task: Any, conf: Any, context: Context | None) -> Any:
    if context is None:
        return conf
    if task._openlineage_inject_parent_job_info:
        conf = inject_parent_job_information_into_spark_properties(conf, context)
    if task._openlineage_inject_transport_info:
        conf = inject_transport_information_into_spark_properties(conf, context)
    return conf
