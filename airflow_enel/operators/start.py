"""Starting a new application: its size, word of it for whoever comes later, then its driver."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.control.decide import first_step
from airflow_enel.domain import ScaleAnswer
from airflow_enel.history.records import DecisionCompleted, DecisionIntended, RunOpened
from airflow_enel.operators.attach import Submission, note
from airflow_enel.operators.checks import check_application
from airflow_enel.operators.messenger import leave_home
from airflow_enel.operators.submit import command_of, work_dir
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.types import Logger

    from airflow_enel.control.decide import Steering
    from airflow_enel.domain import PastRun, RunKey, Step
    from airflow_enel.execution.history_writer import BufferedWriter
    from airflow_enel.operators.arguments import SubmitArguments
    from airflow_enel.operators.charge import Charge
    from airflow_enel.operators.provider_hook import MakeHook, ProviderHook
    from airflow_enel.operators.request import RunRequest


def start(
    request: RunRequest,
    arguments: SubmitArguments,
    make_hook: MakeHook,
    steering: Steering,
    past_runs: Sequence[PastRun],
    writer: BufferedWriter,
    charge: Charge,
    log: Logger,
) -> tuple[ProviderHook, Submission]:
    """Submit a task's application; the charge takes its driver.

    :raises AirflowException: if the task was killed before that
    """
    check_application(arguments.application)
    step = first_step(steering, past_runs, request.initial_executors, time.time())
    log.info("Decision 0: %s", step.decision.reason)
    run = request.run(step.decision.executors, step.decision.decided_at)
    submission = Submission(run, secrets.token_urlsafe(32))
    hook = _submit(arguments, make_hook, submission, writer, charge, log)
    _record_start(writer, run.key, step)
    return hook, submission


def _submit(
    arguments: SubmitArguments,
    make_hook: MakeHook,
    submission: Submission,
    writer: BufferedWriter,
    charge: Charge,
    log: Logger,
) -> ProviderHook:
    """Intent first, in the folder, in the task's state and in the history; then the driver."""
    key = submission.run.key
    folder = DriverFolder.of(key.id, work_dir())
    hook, command, env = command_of(arguments, make_hook, submission, folder, log)
    folder.make()
    note(folder, submission)
    charge.record(key.submit_try)
    writer.write(RunOpened(submission.run, submission.token))
    home = charge.connection.home()
    if home is not None:
        leave_home(folder, home)
    ClientDriver(folder).watch()
    if charge.is_killed():
        charge.deliver(folder, left=writer.pending)
        raise AirflowException("The task was killed before its application was submitted")
    charge.take(ClientDriver.start(folder, command, env))
    return hook


def _record_start(writer: BufferedWriter, key: RunKey, step: Step) -> None:
    started = ScaleAnswer(accepted=True, executors=0, message="submitted")
    writer.write(DecisionIntended(key.id, step))
    writer.write(DecisionCompleted(key.id, 0, started))
