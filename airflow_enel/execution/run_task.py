"""Runs one try of a task: recover or submit its application, observe it, use its result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_enel.control.feasibility import InfeasibleTarget
from airflow_enel.control.lifecycle import Action
from airflow_enel.domain import RunState
from airflow_enel.execution.application import TaskApplication
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.execution.detach import detach
from airflow_enel.execution.driver_loop import DriverLoop
from airflow_enel.execution.history_access import history_access
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.execution.input_size import with_input_size
from airflow_enel.execution.open_run import open_run
from airflow_enel.execution.recovery import Recovery, unknown_state
from airflow_enel.execution.remote_loop import ApplicationStateUnknown, RemoteLoop
from airflow_enel.execution.request import unknown_patience_s
from airflow_enel.execution.result_reporter import report_result, write_credentials
from airflow_enel.execution.run_target import has_deadline_alert, with_target
from airflow_enel.execution.scaling_config import MonitoredRun, job_past_or_empty, monitored_run
from airflow_enel.history.records import RunOpened
from airflow_enel.spark.submission.run_folder import Submission

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.domain import Run
    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.execution.open_run import OpenRun
    from airflow_enel.execution.recovery import EarlierAttempt
    from airflow_enel.execution.request import RunRequest
    from airflow_enel.history.interface import History
    from airflow_enel.spark.submission.base import SubmittedApplication, Submitter
    from airflow_enel.spark.submission.run_folder import RunFolder


class RunTask:
    """One try of a task, from sizing to the last record.

    :param context: of the task instance
    :param on_miss: what else is to happen when the target will be missed
    """

    def __init__(
        self,
        request: RunRequest,
        submitter: Submitter,
        context: Context,
        log: Logger,
        clock: Clock = SYSTEM_CLOCK,
        on_miss: MissCallbacks | None = None,
    ) -> None:
        self.request = request
        self.application = TaskApplication(context, log)
        self._submitter = submitter
        self._context = context
        self._log = log
        self._clock = clock
        self._on_miss = on_miss

    def run(self) -> None:
        """Run the application to its end, or until it is handed over.

        :raises AirflowException: if it failed
        """
        application = self.application
        with history_access(self._context, self._log) as application.access:
            earlier, action = self._recovery().choose(application.is_killed)
            if earlier is not None and action is Action.REPORT:
                self._log.info(
                    "The application of try %d has succeeded; its result counts for this task",
                    earlier.key.submit_try,
                )
                application.clear_task_state()
            elif earlier is not None and action is Action.FOLLOW_AGENT:
                self._follow_remote(earlier)
            elif earlier is not None and action is Action.FOLLOW:
                self._resume(earlier)
            else:
                if earlier is not None:
                    self._remove(earlier)
                self._submit()

    def kill(self) -> None:
        """End the application unless a retry wants it, see `TaskApplication.kill`."""
        self.application.kill()

    @property
    def _history(self) -> History | None:
        return self.application.access.history

    def _recovery(self) -> Recovery:
        return Recovery(
            self.request.key,
            self._submitter,
            self.application.store,
            self._history,
            self._log,
            durable=self.request.durable,
            patience_s=unknown_patience_s(),
            clock=self._clock,
        )

    # A new application

    def _submit(self) -> None:
        """Write the intent down, in the folder, in the task's state and in the history; then act.

        :raises AirflowException: if the task was killed before that
        """
        application = self.application
        new = self._open()
        prepared = self._submitter.prepare(new.submission)
        self._log.info("Decision 0: %s", new.step.decision.reason)
        self._log.info("More of it: airflow enel explain %s", new.run.key.id)
        folder = prepared.folder
        writer = self._writer(folder)
        self._write_intent(new, folder, writer)
        if application.is_killed():
            application.mark_consumed(folder, left=writer.pending)
            raise AirflowException("The task was killed before its application was submitted")
        driver = prepared.submit()
        application.attach_driver(driver)
        for record in new.first_decision:
            writer.write(record)
        self._follow(new.submission, driver, writer, new.monitored)

    def _open(self) -> OpenRun:
        """Find out the target and the initial size.

        :raises AirflowFailException: if no size is expected to meet the target, and it must not run
        """
        request = with_input_size(self.request, self._log)
        past = job_past_or_empty(self._history, request, self._log)
        alert = has_deadline_alert(self._context)
        request = with_target(request, self._history, self._log, time.time, deadline_alert=alert)
        try:
            new = open_run(request, past)
        except InfeasibleTarget as error:
            raise AirflowFailException(str(error)) from None  # no retry would be any earlier
        if new.shortfall is not None:
            self._log.warning("The target cannot be met: %s", new.shortfall)
        return new

    def _write_intent(self, new: OpenRun, folder: RunFolder, writer: BufferedWriter) -> None:
        folder.make()
        folder.write_submission(new.submission)
        self.application.save_task_state(new.run.key.submit_try)
        writer.write(new.opened)
        credentials = self.application.access.reporter_credentials()
        if credentials is not None:
            write_credentials(folder, credentials)
        folder.mark_followed()

    # The application of an earlier try

    def _resume(self, earlier: EarlierAttempt) -> None:
        if earlier.run is None or earlier.token is None:
            raise RuntimeError("an application is resumed from what its folder says of it")
        driver, key = earlier.application, earlier.key
        driver.folder.mark_followed()
        self.application.attach_driver(driver)
        self._log.info("Resuming the application that try %d has submitted", key.submit_try)
        writer = self._writer(driver.folder)
        writer.write(RunOpened(earlier.run, earlier.token))
        monitored = self._monitored(earlier.run)
        self._follow(Submission(earlier.run, earlier.token), driver, writer, monitored)

    def _follow_remote(self, earlier: EarlierAttempt) -> None:
        if earlier.run is None:
            raise RuntimeError("an application elsewhere is known from its run in the history")
        self._log.info(
            "Resuming, through its agent, the application that try %d has submitted on another "
            "worker",
            earlier.key.submit_try,
        )
        if not self.request.wait_for_completion:
            return
        self.application.followed = True
        try:
            state = self._remote(earlier).follow(
                self._monitored(earlier.run),
                self.application.is_killed,
                self.application.flush_deferred_log,
            )
        except ApplicationStateUnknown:
            raise AirflowException(unknown_state(earlier.key)) from None
        self.application.clear_task_state()
        if state is not RunState.SUCCEEDED:
            raise AirflowException(
                f"The Spark application has {state.value}; its output is on the worker of try "
                f"{earlier.key.submit_try}"
            )

    def _remove(self, earlier: EarlierAttempt) -> None:
        """End what is left of an application, report its result, and remove its folder."""
        if earlier.status.agent_answers:
            self._log.info("Ending the application of try %d first", earlier.key.submit_try)
            try:
                self._remote(earlier).end()
            except ApplicationStateUnknown:
                raise AirflowException(unknown_state(earlier.key)) from None
        application = earlier.application
        application.terminate()
        if earlier.run is not None and earlier.token is not None and self._history is not None:
            submission = Submission(earlier.run, earlier.token)
            report_result(
                application.folder, self._history, submission, patience_s=0.0, clock=self._clock
            )
        application.folder.remove()

    def _remote(self, earlier: EarlierAttempt) -> RemoteLoop:
        if self._history is None:
            raise RuntimeError("an agent elsewhere is known from the history only")
        return RemoteLoop(
            earlier.key,
            self._history,
            self._log,
            self.request.key.submit_try,
            unknown_patience_s(),
            self._clock,
            self._on_miss,
        )

    def _monitored(self, run: Run) -> MonitoredRun:
        """Return a stored run, which keeps its target and policy whatever the DAG says now."""
        past = job_past_or_empty(self._history, run, self._log)
        return monitored_run(run, past, self.request.key.submit_try)

    def _writer(self, folder: RunFolder) -> BufferedWriter:
        clock = self._clock
        return BufferedWriter(self._history, self._log, clock.now, clock.sleep, spool=folder.spool)

    # To its end

    def _follow(
        self,
        submission: Submission,
        driver: SubmittedApplication,
        writer: BufferedWriter,
        monitored: MonitoredRun,
    ) -> None:
        """Hand the application over, or observe it to its end and use its result."""
        request, application, submitter = self.request, self.application, self._submitter
        if not request.wait_for_completion and detach(
            submission.run.key, application, writer, self._log, request.poll_interval_s, self._clock
        ):
            return
        loop = DriverLoop(
            monitored,
            submission.token,
            driver,
            writer,
            self._log,
            on_output=submitter.log_output,
            is_killed=application.is_killed,
            on_round=application.flush_deferred_log,
            poll_interval_s=request.poll_interval_s,
            clock=self._clock,
            on_miss=self._on_miss,
        )
        try:
            exit_code = loop.run_to_end()
            application.mark_consumed(driver.folder, left=writer.pending)
        finally:
            submitter.run_post_submit_commands()
        if exit_code != 0:
            raise AirflowException(
                f"The Spark application failed with exit code {exit_code}. Its last lines:\n"
                f"{submitter.last_output}"
            )
