"""The Spark provider's submit hook, behind names of our own.

The provider has no public interface for what a resumable client-mode submission needs. Its private
names are used here and in ``arguments`` only; tests hold the contract with the provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

MakeHook = Callable[[dict[str, Any], "str | None"], "SparkSubmitHook"]
"""Makes the provider's hook for a task, with another configuration and other jars."""


class ProviderHook:
    """A ``SparkSubmitHook`` of one task."""

    def __init__(self, hook: SparkSubmitHook) -> None:
        self._hook = hook

    @property
    def connection_id(self) -> str:
        """Id of the Spark connection that the task names."""
        return str(self._hook._conn_id)

    @property
    def names_default_connection(self) -> bool:
        """True if the task names no connection of its own."""
        return bool(self._hook._conn_id == self._hook.default_conn_name)

    @property
    def connection_exists(self) -> bool:
        """True if Airflow has the connection."""
        try:
            self._hook.get_connection(self._hook._conn_id)
        except AirflowException:
            return False
        return True

    @property
    def connection_type(self) -> str:
        """Type of the connection, which exists."""
        return str(self._hook.get_connection(self._hook._conn_id).conn_type)

    @property
    def master(self) -> str:
        """Spark master of the connection."""
        return str(self._hook._connection["master"])

    @property
    def deploy_mode(self) -> str:
        """Deploy mode of the connection, "client" if it names none."""
        return str(self._hook._connection["deploy_mode"] or "client")

    @property
    def conf(self) -> Mapping[str, Any]:
        """Spark configuration that is submitted."""
        return dict(self._hook._conf)

    @property
    def env(self) -> Mapping[str, str]:
        """Environment variables that spark-submit needs beside those of the worker."""
        return dict(self._hook._env or {})

    def use_master(self, master: str) -> None:
        """Submit to another master than that of the connection; it is no YARN."""
        self._hook._connection["master"] = master
        self._hook._is_yarn = self._hook._is_yarn_cluster_mode = False

    def add_conf(self, properties: Mapping[str, str]) -> None:
        """Submit with these Spark properties, which replace those of the same names."""
        self._hook._conf = {**self._hook._conf, **properties}

    def leave_size_to_conf(self) -> None:
        """Drop ``--num-executors``, which would override the sizing configuration."""
        self._hook._num_executors = None

    def command(self, application: str) -> list[str]:
        """Return spark-submit with all its arguments."""
        return list(self._hook._build_spark_submit_command(application))

    def log_output(self, lines: Sequence[str]) -> None:
        """Log output of spark-submit as the provider does."""
        self._hook._process_spark_submit_log(iter(lines))

    def mask(self, text: str) -> str:
        """Return a text without the passwords that the provider knows how to find."""
        return str(self._hook._mask_cmd(text))

    def run_post_submit_commands(self) -> None:
        """Run the task's ``post_submit_commands``; their failures only warn."""
        self._hook._run_post_submit_commands()
