"""Starting a new application: its size, word of it for whoever comes later, then its driver."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.control.decide import first_step
from airflow_enel.domain import Run, ScaleAnswer
from airflow_enel.operators.attach import Submission, note
from airflow_enel.operators.checks import check_application
from airflow_enel.operators.messenger import leave_home
from airflow_enel.operators.submit import command_of, run_key, work_dir
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from airflow_enel.control.decide import Steering
    from airflow_enel.domain import PastRun, RunKey, Step
    from airflow_enel.operators.charge import Charge
    from airflow_enel.operators.recorder import Recorder
    from airflow_enel.operators.spark import EnelSparkOperator


def start(
    operator: EnelSparkOperator,
    context: Context,
    steering: Steering,
    past_runs: Sequence[PastRun],
    recorder: Recorder,
    charge: Charge,
) -> tuple[SparkSubmitHook, Submission]:
    """Submit an operator's application; the charge takes its driver.

    :raises AirflowException: if the task was killed before that
    """
    check_application(operator.application)
    step = first_step(steering, past_runs, operator._num_executors, time.time())
    operator.log.info("Decision 0: %s", step.decision.reason)
    run = new_run(operator, run_key(context), steering, step)
    submission = Submission(run, secrets.token_urlsafe(32))
    hook = _submit(operator, context, submission, recorder, charge)
    _record_start(recorder, run.key, step)
    return hook, submission


def new_run(operator: EnelSparkOperator, key: RunKey, steering: Steering, step: Step) -> Run:
    """The run of an operator's application that starts with a decision.

    :param step: epoch 0
    """
    return Run(
        key=key,
        job_key=operator.job_key or operator.task_id,
        application=operator.application,
        policy=operator.policy,
        bounds=steering.bounds,
        runtime_target_s=steering.target_s,
        initial_executors=step.decision.executors,
        submitted_at=step.decision.decided_at,
        context=steering.context,
    )


def _submit(
    operator: EnelSparkOperator,
    context: Context,
    submission: Submission,
    recorder: Recorder,
    charge: Charge,
) -> SparkSubmitHook:
    """Intent first, in the folder, in the task's state and in the history; then the driver."""
    key = submission.run.key
    folder = DriverFolder.of(key.id, work_dir())
    hook, command, env = command_of(operator, context, submission, folder)
    folder.make()
    note(folder, submission)
    charge.record(key.submit_try)
    recorder.record(lambda history: history.open_run(submission.run, submission.token))
    home = charge.connection.home()
    if home is not None:
        leave_home(folder, home)
    ClientDriver(folder).watch()
    if charge.is_killed():
        charge.deliver(folder, left=recorder.pending)
        raise AirflowException("The task was killed before its application was submitted")
    charge.take(ClientDriver.start(folder, command, env))
    return hook


def _record_start(recorder: Recorder, key: RunKey, step: Step) -> None:
    started = ScaleAnswer(accepted=True, executors=0, message="submitted")
    recorder.record(lambda history: history.intend(key.id, step))
    recorder.record(lambda history: history.complete(key.id, 0, started))
