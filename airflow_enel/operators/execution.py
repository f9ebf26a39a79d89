"""One execution of a task: take up, replace or submit an application, follow it, deliver."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.control.lifetime import Action
from airflow_enel.control.policies import policy as find_policy
from airflow_enel.domain import RunState
from airflow_enel.execution.history_writer import BufferedWriter
from airflow_enel.history.records import RunOpened
from airflow_enel.operators.charge import Charge
from airflow_enel.operators.connect import connection_of, read_past_runs
from airflow_enel.operators.elsewhere import Elsewhere, Unknown
from airflow_enel.operators.handover import hand_over
from airflow_enel.operators.messenger import deliver
from airflow_enel.operators.models import job_model, needs_stages
from airflow_enel.operators.observe import Watched, expected_components, steering_of
from airflow_enel.operators.output import DriverOutput
from airflow_enel.operators.settle import patience_s, settle, unknown
from airflow_enel.operators.start import start
from airflow_enel.operators.submit import hook_of, work_dir
from airflow_enel.operators.watch import ClientWatch
from airflow_enel.spark.submission.keeper import DriverFolder

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.control.decide import Steering
    from airflow_enel.control.policies import JobModel
    from airflow_enel.domain import PastRun, RunKey
    from airflow_enel.operators.arguments import SubmitArguments
    from airflow_enel.operators.attach import Earlier, Submission
    from airflow_enel.operators.provider_hook import MakeHook, ProviderHook
    from airflow_enel.operators.request import RunRequest
    from airflow_enel.spark.submission.keeper import ClientDriver


class Execution:
    """Runs one application in client mode, from sizing to the last record.

    :param make_hook: makes the provider's hook of the task
    :param context: of the task instance
    """

    def __init__(
        self,
        request: RunRequest,
        arguments: SubmitArguments,
        make_hook: MakeHook,
        context: Context,
        log: Logger,
    ) -> None:
        self._request = request
        self._arguments = arguments
        self._make_hook = make_hook
        self._context = context
        self._log = log
        self._key = request.key
        self._charge = Charge(context, log)

    def run(self) -> None:
        """Run the application to its end, or until it is handed over.

        :raises AirflowException: if it failed
        """
        request, charge = self._request, self._charge
        with connection_of(self._context, self._log) as charge.connection:
            history = charge.connection.history
            chosen = find_policy(request.policy)
            past_runs = read_past_runs(
                *(history, self._key.dag_id, request.job_key, self._log),
                stages=needs_stages(chosen),
            )
            model = job_model(chosen, history, self._key.dag_id, request.job_key, self._log)
            steering = self._steering(past_runs, model)
            earlier, action = settle(
                self._key,
                charge.store,
                history,
                self._log,
                charge.is_killed,
                durable=request.durable,
            )
            if action is Action.TELL:
                self._log.info("The application of an earlier try has succeeded; nobody was told")
                charge.forget()
            elif action is Action.FOLLOW_AGENT and earlier is not None:
                self._follow_elsewhere(earlier, steering, past_runs)
            else:
                self._run_here(earlier, action, steering, past_runs)

    def kill(self) -> None:
        """End the application unless a retry wants it, see `Charge.kill`."""
        self._charge.kill()

    def _run_here(
        self,
        earlier: Earlier | None,
        action: Action,
        steering: Steering,
        past_runs: tuple[PastRun, ...],
    ) -> None:
        request, charge = self._request, self._charge
        history = charge.connection.history
        if action is Action.FOLLOW and earlier is not None and earlier.submission is not None:
            writer = BufferedWriter(history, self._log, spool=earlier.driver.folder.spool)
            hook, submission = self._resume(writer, earlier.submission, earlier.driver)
            steering = replace(steering, context=submission.run.context)
        else:
            if earlier is not None:
                self._end(earlier)
            folder = DriverFolder.of(self._key.id, work_dir())
            writer = BufferedWriter(history, self._log, spool=folder.spool)
            hook, submission = start(
                request,
                self._arguments,
                self._make_hook,
                steering,
                past_runs,
                writer,
                charge,
                self._log,
            )
        if not request.wait_for_completion and hand_over(
            submission.run.key, charge, writer, self._log, request.poll_interval_s
        ):
            return
        output = DriverOutput(hook)
        try:
            self._follow(submission, steering, writer, past_runs, output)
        finally:
            hook.run_post_submit_commands()

    def _steering(self, past_runs: tuple[PastRun, ...], model: JobModel | None = None) -> Steering:
        request = self._request
        return steering_of(
            *(request.policy, request.runtime_target_s, request.bounds, self._key.submit_try),
            past_runs,
            request.context,
            model,
        )

    # What earlier tries have left

    def _end(self, earlier: Earlier) -> None:
        if earlier.evidence.agent_answers:
            self._log.info("Ending the application of try %d first", earlier.key.submit_try)
            try:
                self._elsewhere(earlier).end()
            except Unknown:
                raise AirflowException(unknown(earlier.key)) from None
        earlier.driver.end()
        history = self._charge.connection.history
        if earlier.submission is not None and history is not None:
            deliver(earlier.driver.folder, history, earlier.submission, patience_s=0.0)
        earlier.driver.folder.remove()

    def _follow_elsewhere(
        self, earlier: Earlier, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> None:
        self._log.info(
            "Taking up the application that try %d has submitted on another worker, by its agent",
            earlier.key.submit_try,
        )
        if not self._request.wait_for_completion:
            return
        self._charge.followed = True
        watched = self._watched(earlier.key, "", steering, past_runs)
        try:
            state = self._elsewhere(earlier).follow(
                watched, self._charge.is_killed, self._charge.speak
            )
        except Unknown:
            raise AirflowException(unknown(earlier.key)) from None
        self._charge.forget()
        if state is not RunState.SUCCEEDED:
            raise AirflowException(
                f"The Spark application has {state.value}; its output is on the worker of try "
                f"{earlier.key.submit_try}"
            )

    def _elsewhere(self, earlier: Earlier) -> Elsewhere:
        history = self._charge.connection.history
        if history is None:
            raise RuntimeError("an agent elsewhere is known by the history only")
        return Elsewhere(earlier.key, history, self._log, self._key.submit_try, patience_s())

    def _resume(
        self, writer: BufferedWriter, submission: Submission, driver: ClientDriver
    ) -> tuple[ProviderHook, Submission]:
        driver.watch()
        self._charge.take(driver)
        key = submission.run.key
        self._log.info("Taking up the application that try %d has submitted", key.submit_try)
        writer.write(RunOpened(submission.run, submission.token))
        return hook_of(self._arguments, self._make_hook, submission.run.bounds, {}), submission

    # Following it to its end

    def _follow(
        self,
        submission: Submission,
        steering: Steering,
        writer: BufferedWriter,
        past_runs: tuple[PastRun, ...],
        output: DriverOutput,
    ) -> None:
        driver = self._charge.driver
        if driver is None:
            raise RuntimeError("there is no driver to follow")
        watch = ClientWatch(
            self._watched(submission.run.key, submission.token, steering, past_runs),
            driver,
            writer,
            self._log,
            on_lines=output.take,
            is_killed=self._charge.is_killed,
            on_round=self._charge.speak,
            poll_interval_s=self._request.poll_interval_s,
        )
        exit_code = watch.run_to_end()
        self._charge.deliver(driver.folder, left=writer.pending)
        if exit_code != 0:
            raise AirflowException(
                f"The Spark application failed with exit code {exit_code}. Its last lines:\n"
                f"{output.last_words}"
            )

    def _watched(
        self, key: RunKey, token: str, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> Watched:
        return Watched(
            run_id=key.id,
            token=token,
            steering=steering,
            expected_components=expected_components(past_runs),
        )
