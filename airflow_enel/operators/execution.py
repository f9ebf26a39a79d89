"""One execution of a task: size, submit, watch, record; or take up what an earlier try began."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.openlineage.utils.spark import (
    inject_parent_job_information_into_spark_properties,
    inject_transport_information_into_spark_properties,
)
from airflow.providers.common.compat.sdk import AirflowException, conf

from airflow_enel.control.decide import Steering, first_step
from airflow_enel.control.policies import policy
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain import Bounds, PastRun, Run, RunKey, ScaleAnswer, Step
from airflow_enel.operators.attach import Submission, note, undelivered
from airflow_enel.operators.checks import check_application, check_connection, check_master
from airflow_enel.operators.connect import connected_history
from airflow_enel.operators.embedded import embed
from airflow_enel.operators.output import DriverOutput
from airflow_enel.operators.recorder import Recorder
from airflow_enel.operators.watch import ClientWatch, Watched
from airflow_enel.spark.agent import agent_jar
from airflow_enel.spark.submission.conf import (
    agent_conf,
    merge_conf,
    sizing_conf,
    spark_defaults,
)
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from airflow_enel.operators.spark import EnelSparkOperator


class Execution:
    """Runs an operator's application in client mode, from sizing to the last record.

    :param operator: with its templates rendered
    :param context: of the task instance
    """

    def __init__(self, operator: EnelSparkOperator, context: Context) -> None:
        self._operator = operator
        self._context = context
        self._log = operator.log
        self._key = _run_key(context)
        self._job_key = operator.job_key or operator.task_id
        self._bounds = Bounds(operator.min_executors, operator.max_executors)
        self._driver: ClientDriver | None = None
        self._killed = False

    def run(self) -> None:
        """Run the application to its end.

        :raises AirflowException: if it failed
        """
        with connected_history(self._context, self._log) as history:
            recorder = Recorder(history, self._log)
            past_runs = recorder.past_runs(self._key.dag_id, self._job_key)
            steering = self._steering(past_runs)
            found = undelivered(self._key, _work_dir())
            if found is None:
                hook, submission = self._start(recorder, steering, past_runs)
            else:
                hook, submission = self._resume(recorder, *found)
            output = DriverOutput(hook)
            try:
                self._follow(submission, steering, recorder, past_runs, output)
            finally:
                hook._run_post_submit_commands()

    def kill(self) -> None:
        """End the driver and everything it started, or never start it.

        Safe in a signal handler: it may come at any moment, and what it interrupts goes on.
        """
        self._killed = True
        if self._driver is not None:
            self._driver.kill()

    def _steering(self, past_runs: tuple[PastRun, ...]) -> Steering:
        chosen = policy(self._operator.policy)
        forecaster = chosen.forecaster()
        return Steering(
            policy=chosen,
            forecaster=None if forecaster is None else forecaster.fit(past_runs),
            target_s=parse_runtime_target(self._operator.runtime_target),
            bounds=self._bounds,
            try_number=self._key.submit_try,
        )

    # Submission, or what an earlier try has submitted

    def _start(
        self, recorder: Recorder, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> tuple[SparkSubmitHook, Submission]:
        check_application(self._operator.application)
        given = self._operator._num_executors
        step = first_step(steering, past_runs, given, time.time())
        self._log.info("Decision 0: %s", step.decision.reason)
        submission = Submission(self._new_run(steering, step), secrets.token_urlsafe(32))
        hook = self._submit(submission)
        _record_start(recorder, submission, step)
        return hook, submission

    def _new_run(self, steering: Steering, step: Step) -> Run:
        return Run(
            key=self._key,
            job_key=self._job_key,
            application=self._operator.application,
            policy=self._operator.policy,
            bounds=self._bounds,
            runtime_target_s=steering.target_s,
            initial_executors=step.decision.executors,
            submitted_at=step.decision.decided_at,
        )

    def _submit(self, submission: Submission) -> SparkSubmitHook:
        folder = DriverFolder.of(self._key.id, _work_dir())
        ours = {
            **sizing_conf(self._bounds, submission.run.initial_executors),
            **agent_conf(submission.token, folder.port, folder.final),
        }
        hook = self._hook(ours)
        check_connection(hook, self._operator.policy)
        check_master(hook._connection["master"])
        command = hook._build_spark_submit_command(self._operator.application)
        folder.make()
        note(folder, submission)
        if self._killed:
            folder.remove()
            raise AirflowException("The task was killed before its application was submitted")
        env = {**os.environ, **(hook._env or {})}
        self._driver = ClientDriver.start(folder, command, env)
        if self._killed:  # in between: the handler did not know the driver yet
            self._driver.kill()
        return hook

    def _hook(self, ours: Mapping[str, str]) -> SparkSubmitHook:
        operator = self._operator
        own = self._user_conf()
        replaced = sorted(name for name in ours if name in own)
        if replaced:
            self._log.info("The size is ours, so these settings are replaced: %s", replaced)
        defaults = spark_defaults(
            operator.properties_file, {**os.environ, **(operator.env_vars or {})}
        )
        merged, jars = merge_conf(own, ours, agent_jar(), operator.jars, defaults)
        if operator._executor_cores is None and "spark.executor.cores" not in defaults:
            # Otherwise an executor of a standalone cluster takes all cores of its worker.
            merged.setdefault("spark.executor.cores", "1")
        hook = operator.submit_hook(merged, jars)
        hook._num_executors = None  # see sizing_conf
        embed(hook, self._bounds, operator._executor_cores, operator._executor_memory)
        return hook

    def _user_conf(self) -> dict[str, Any]:
        own = self._operator.conf or {}
        if self._operator._openlineage_inject_parent_job_info:
            own = inject_parent_job_information_into_spark_properties(own, self._context)
        if self._operator._openlineage_inject_transport_info:
            own = inject_transport_information_into_spark_properties(own, self._context)
        return own

    def _resume(
        self, recorder: Recorder, submission: Submission, driver: ClientDriver
    ) -> tuple[SparkSubmitHook, Submission]:
        self._driver = driver
        if self._killed:
            driver.kill()
        key = submission.run.key
        self._log.info("Taking up the application that try %d has submitted", key.submit_try)
        recorder.record(lambda history: history.open_run(submission.run, submission.token))
        return self._hook({}), submission

    # Watching

    def _follow(
        self,
        submission: Submission,
        steering: Steering,
        recorder: Recorder,
        past_runs: tuple[PastRun, ...],
        output: DriverOutput,
    ) -> None:
        driver = self._driver
        if driver is None:
            raise RuntimeError("there is no driver to follow")
        counts = [len(past.components) for past in past_runs]
        watched = Watched(
            run_id=submission.run.key.id,
            token=submission.token,
            steering=steering,
            expected_components=median_low(counts) if counts else None,
        )
        watch = ClientWatch(
            watched,
            driver,
            recorder,
            self._log,
            on_lines=output.take,
            is_killed=lambda: self._killed,
            poll_interval_s=self._operator._status_poll_interval,
        )
        exit_code = watch.run_to_end()
        driver.folder.remove()
        if exit_code != 0:
            raise AirflowException(
                f"The Spark application failed with exit code {exit_code}. Its last lines:\n"
                f"{output.last_words}"
            )


def _work_dir() -> Path | None:
    configured = conf.get("enel", "work_dir", fallback="")
    return Path(configured) if configured else None


def _run_key(context: Context) -> RunKey:
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        submit_try=ti.try_number,
    )


def _record_start(recorder: Recorder, submission: Submission, step: Step) -> None:
    run, token = submission.run, submission.token
    started = ScaleAnswer(accepted=True, executors=0, message="submitted")
    recorder.record(lambda history: history.open_run(run, token))
    recorder.record(lambda history: history.intend(run.key.id, step))
    recorder.record(lambda history: history.complete(run.key.id, 0, started))
