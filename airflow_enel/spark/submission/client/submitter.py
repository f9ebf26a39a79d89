"""Submits applications in client mode, by the Spark provider's own hook."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_enel.spark.agent import agent_jar
from airflow_enel.spark.properties import context_properties
from airflow_enel.spark.submission.arguments import CORES_BY_DEFAULT
from airflow_enel.spark.submission.client.embedded import use_embedded_cluster
from airflow_enel.spark.submission.client.output import DriverOutput
from airflow_enel.spark.submission.client.preflight import (
    check_application,
    check_connection,
    check_master,
)
from airflow_enel.spark.submission.client.provider_hook import ProviderHook
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.conf import (
    agent_properties,
    merge_conf,
    sizing_conf,
    spark_defaults,
)
from airflow_enel.spark.submission.run_folder import RunFolder

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.spark.submission.arguments import SubmitArguments
    from airflow_enel.spark.submission.base import ApplicationHandle
    from airflow_enel.spark.submission.client.provider_hook import MakeHook
    from airflow_enel.spark.submission.run_folder import Submission


@dataclass(frozen=True, slots=True)
class PreparedCommand:
    """A spark-submit command that was checked, see `PreparedSubmission`."""

    folder: RunFolder
    reporter: str
    command: Sequence[str]
    env: Mapping[str, str]

    def submit(self) -> ClientDriver:
        """Start it under a supervisor.

        :raises FileNotFoundError: if spark-submit is not on the PATH
        """
        return ClientDriver.start(self.folder, self.reporter, self.command, self.env)


class ClientSubmitter:
    """Submits the application of one task, whose driver then runs on this worker.

    :param make_hook: makes the provider's hook of the task
    :param work_dir: where the folders of runs are, None for the default
    :param reporter: module that reports results of drivers whose task is gone
    """

    def __init__(
        self,
        arguments: SubmitArguments,
        make_hook: MakeHook,
        work_dir: Path | None,
        reporter: str,
        log: Logger,
    ) -> None:
        self._arguments = arguments
        self._make_hook = make_hook
        self._work_dir = work_dir
        self._reporter = reporter
        self._log = log
        self._output: DriverOutput | None = None

    def prepare(self, submission: Submission) -> PreparedCommand:
        """Check the application and the cluster, and build the command of spark-submit.

        :raises ValueError: for an application or a cluster that cannot work
        :raises FileNotFoundError: if the application is not there
        :raises ConnectionError: if no master answers
        """
        run, arguments = submission.run, self._arguments
        check_application(arguments.application)
        folder = RunFolder.of(run.key.id, self._work_dir)
        ours = {
            **sizing_conf(run.bounds, run.initial_executors),
            **agent_properties(submission.token, folder.agent_address, folder.final_state),
        }
        replaced = sorted(name for name in ours if name in arguments.conf)
        if replaced:
            self._log.info("Sizing sets these properties, yours are replaced: %s", replaced)
        # So that the event log of the run has the same context as the history.
        hook = self._hook(ours | context_properties(run.context))
        if use_embedded_cluster(hook, run.bounds, arguments):
            self._log.info("No connection %r: running on %s", hook.connection_id, hook.master)
        check_connection(hook, run.policy)
        check_master(hook.master)
        self._output = DriverOutput(hook)
        command = hook.command(arguments.application)
        return PreparedCommand(folder, self._reporter, command, {**os.environ, **hook.env})

    def attach(self, handle: ApplicationHandle) -> ClientDriver:
        """Return an application that was submitted before; elsewhere it is absent from here."""
        return ClientDriver(RunFolder.of(handle.run_id, self._work_dir), self._reporter)

    def log_output(self, lines: Sequence[str]) -> None:
        """Log lines of the driver's output as the Spark provider does."""
        self._driver_output.log(lines)

    @property
    def last_output(self) -> str:
        """The last logged lines that explain a failure, with passwords masked."""
        return self._driver_output.last_lines

    def run_post_submit_commands(self) -> None:
        """Run the author's commands for after the application; failures only warn."""
        self._driver_output.hook.run_post_submit_commands()

    @property
    def _driver_output(self) -> DriverOutput:
        if self._output is None:  # the application of an earlier try
            self._output = DriverOutput(self._hook({}))
        return self._output

    def _hook(self, ours: Mapping[str, str]) -> ProviderHook:
        """Airflow's hook with our configuration on top of the author's."""
        arguments = self._arguments
        defaults = spark_defaults(arguments.properties_file, {**os.environ, **arguments.env_vars})
        merged, jars = merge_conf(arguments.conf, ours, agent_jar(), arguments.jars, defaults)
        if arguments.executor_cores is None and "spark.executor.cores" not in defaults:
            merged.setdefault("spark.executor.cores", CORES_BY_DEFAULT)
        hook = ProviderHook(self._make_hook(merged, jars))
        hook.leave_size_to_conf()  # see sizing_conf
        return hook
