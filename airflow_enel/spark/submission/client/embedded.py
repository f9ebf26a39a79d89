"""A Spark cluster inside the driver, for workers without a Spark connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.spark.properties import mebibytes

if TYPE_CHECKING:
    from airflow_enel.domain import Bounds
    from airflow_enel.spark.submission.arguments import SubmitArguments
    from airflow_enel.spark.submission.client.provider_hook import ProviderHook


def use_embedded_cluster(hook: ProviderHook, bounds: Bounds, arguments: SubmitArguments) -> bool:
    """Point a hook without a Spark connection at an embedded ``local-cluster``.

    That is: the default connection is asked for and does not exist. Any other that is missing is
    a mistake, which `check_connection` reports.

    It has real executor processes, which can be added and released, on the worker's own machine.

    :returns: True if the hook uses it now
    """
    if not hook.names_default_connection or hook.connection_exists:
        return False
    cores = arguments.executor_cores or int(hook.conf.get("spark.executor.cores", 1))
    memory = arguments.executor_memory or hook.conf.get("spark.executor.memory", "1g")
    # Twice the executors: draining ones still hold their place while new ones start.
    places = 2 * bounds.maximum
    hook.use_master(f"local-cluster[1,{places * cores},{places * mebibytes(memory)}]")
    # spark-submit passes its options for them on to clusters only, and this is none to it.
    hook.add_conf({"spark.executor.cores": str(cores), "spark.executor.memory": str(memory)})
    return True
