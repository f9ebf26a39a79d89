"""A Spark cluster inside the driver, for workers without a Spark connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.spark.properties import mebibytes

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

    from airflow_enel.domain import Bounds


def embed(
    hook: SparkSubmitHook, bounds: Bounds, executor_cores: int | None, executor_memory: str | None
) -> None:
    """Point a hook without a Spark connection at an embedded ``local-cluster``.

    That is: the default connection is asked for and does not exist. Any other that is missing is
    a mistake to tell of, see :func:`~airflow_enel.operators.checks.check_connection`.

    It has real executor processes, which can be added and released, on the worker's own machine.
    """
    if hook._conn_id != hook.default_conn_name or is_defined(hook):
        return
    conf = hook._conf
    cores = executor_cores or int(conf.get("spark.executor.cores", 1))
    memory = executor_memory or conf.get("spark.executor.memory", "1g")
    # Twice the executors: draining ones still hold their place while new ones start.
    places = 2 * bounds.maximum
    master = f"local-cluster[1,{places * cores},{places * mebibytes(memory)}]"
    hook.log.info("There is no connection %r: running on %s", hook._conn_id, master)
    hook._connection["master"] = master
    hook._is_yarn = hook._is_yarn_cluster_mode = False


def is_defined(hook: SparkSubmitHook) -> bool:
    """True if the hook's connection exists."""
    try:
        hook.get_connection(hook._conn_id)
    except AirflowException:
        return False
    return True
