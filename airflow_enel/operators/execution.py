"""One execution of a task: take up, replace or submit an application, follow it, deliver."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.control.decide import Steering, first_step
from airflow_enel.control.lifetime import Action, driver_stays
from airflow_enel.control.policies import policy as find_policy
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain import (
    NO_CONTEXT,
    Bounds,
    PastRun,
    Run,
    RunKey,
    RunState,
    ScaleAnswer,
    Step,
)
from airflow_enel.operators.attach import (
    RECORD_KEY,
    Earlier,
    Record,
    StateStore,
    Submission,
    note,
)
from airflow_enel.operators.checks import check_application
from airflow_enel.operators.connect import Connection, connection_of
from airflow_enel.operators.elsewhere import Elsewhere, Unknown
from airflow_enel.operators.known import run_context
from airflow_enel.operators.messenger import deliver, leave_home
from airflow_enel.operators.models import job_model, needs_stages
from airflow_enel.operators.observe import Watched, expected_components, steering_of
from airflow_enel.operators.output import DriverOutput
from airflow_enel.operators.recorder import Recorder
from airflow_enel.operators.settle import patience_s, settle, unknown
from airflow_enel.operators.submit import CORES_BY_DEFAULT, command_of, hook_of, run_key, work_dir
from airflow_enel.operators.watch import AGENT_PATIENCE_S, ClientWatch
from airflow_enel.spark.client import AgentAddress
from airflow_enel.spark.submission.address import read_address
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from airflow_enel.control.policies import JobModel
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
        self._key = run_key(context)
        self._job_key = operator.job_key or operator.task_id
        self._bounds = Bounds(operator.min_executors, operator.max_executors)
        self._store: StateStore | None = context.get("task_state_store")
        self._known = NO_CONTEXT
        self._connection = Connection(None)
        self._driver: ClientDriver | None = None
        self._followed = False  # True once there is an application that somebody could kill
        self._killed = False

    def run(self) -> None:
        """Run the application to its end, or until it is handed over.

        :raises AirflowException: if it failed
        """
        operator = self._operator
        self._known = run_context(operator, operator.context, self._log, cores=CORES_BY_DEFAULT)
        with connection_of(self._context, self._log) as self._connection:
            history = self._connection.history
            chosen = find_policy(operator.policy)
            past_runs = Recorder(history, self._log).past_runs(
                self._key.dag_id, self._job_key, stages=needs_stages(chosen)
            )
            model = job_model(chosen, history, self._key.dag_id, self._job_key, self._log)
            steering = self._steering(past_runs, model)
            earlier, action = settle(
                self._key,
                self._store,
                history,
                self._log,
                self._is_killed,
                durable=self._operator.durable,
            )
            if action is Action.TELL:
                self._log.info("The application of an earlier try has succeeded; nobody was told")
                self._forget()
            elif action is Action.FOLLOW_AGENT and earlier is not None:
                self._follow_elsewhere(earlier, steering, past_runs)
            else:
                self._run_here(earlier, action, steering, past_runs)

    def _run_here(
        self,
        earlier: Earlier | None,
        action: Action,
        steering: Steering,
        past_runs: tuple[PastRun, ...],
    ) -> None:
        history = self._connection.history
        if action is Action.FOLLOW and earlier is not None and earlier.submission is not None:
            recorder = Recorder(history, self._log, spool=earlier.driver.folder.spool)
            hook, submission = self._resume(recorder, earlier.submission, earlier.driver)
            steering = replace(steering, context=submission.run.context)
        else:
            if earlier is not None:
                self._end(earlier)
            folder = DriverFolder.of(self._key.id, work_dir())
            recorder = Recorder(history, self._log, spool=folder.spool)
            hook, submission = self._start(recorder, steering, past_runs)
        if not self._operator.wait_for_completion and self._hand_over(submission, recorder):
            return
        output = DriverOutput(hook)
        try:
            self._follow(submission, steering, recorder, past_runs, output)
        finally:
            hook._run_post_submit_commands()

    def kill(self) -> None:
        """End the driver and everything it started, or never start it, unless a retry wants it.

        Safe in a signal handler: it may come at any moment, and what it interrupts goes on.
        """
        if self._followed and self._driver_stays():
            self._log.info("The task is told to stop; the application runs on for its retry")
            return
        self._killed = True
        if self._driver is not None:
            self._driver.kill()

    def _driver_stays(self) -> bool:
        if self._connection.ask is None:
            return False  # no Airflow that could try again, as in dag.test()
        ti = self._context["ti"]
        retry_remains = ti.try_number <= (getattr(ti, "max_tries", 0) or 0)
        return driver_stays(self._connection.ask(), retry_remains=retry_remains)

    def _steering(self, past_runs: tuple[PastRun, ...], model: JobModel | None = None) -> Steering:
        target_s = parse_runtime_target(self._operator.runtime_target)
        return steering_of(
            *(self._operator.policy, target_s, self._bounds, self._key.submit_try),
            past_runs,
            self._known,
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
        if earlier.submission is not None and self._connection.history is not None:
            deliver(
                earlier.driver.folder, self._connection.history, earlier.submission, patience_s=0.0
            )
        earlier.driver.folder.remove()

    def _follow_elsewhere(
        self, earlier: Earlier, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> None:
        self._log.info(
            "Taking up the application that try %d has submitted on another worker, by its agent",
            earlier.key.submit_try,
        )
        if not self._operator.wait_for_completion:
            return
        self._followed = True
        watched = self._watched(earlier.key, "", steering, past_runs)
        try:
            state = self._elsewhere(earlier).follow(watched, self._is_killed)
        except Unknown:
            raise AirflowException(unknown(earlier.key)) from None
        self._forget()
        if state is not RunState.SUCCEEDED:
            raise AirflowException(
                f"The Spark application has {state.value}; its output is on the worker of try "
                f"{earlier.key.submit_try}"
            )

    def _elsewhere(self, earlier: Earlier) -> Elsewhere:
        history = self._connection.history
        if history is None:
            raise RuntimeError("an agent elsewhere is known by the history only")
        return Elsewhere(earlier.key, history, self._log, self._key.submit_try, patience_s())

    def _resume(
        self, recorder: Recorder, submission: Submission, driver: ClientDriver
    ) -> tuple[SparkSubmitHook, Submission]:
        driver.watch()
        self._driver = driver
        self._followed = True
        if self._killed:
            driver.kill()
        key = submission.run.key
        self._log.info("Taking up the application that try %d has submitted", key.submit_try)
        recorder.record(lambda history: history.open_run(submission.run, submission.token))
        return hook_of(self._operator, self._context, self._bounds, {}), submission

    # Submission

    def _start(
        self, recorder: Recorder, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> tuple[SparkSubmitHook, Submission]:
        check_application(self._operator.application)
        given = self._operator._num_executors
        step = first_step(steering, past_runs, given, time.time())
        self._log.info("Decision 0: %s", step.decision.reason)
        submission = Submission(self._new_run(steering, step), secrets.token_urlsafe(32))
        hook = self._submit(recorder, submission)
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
            context=self._known,
        )

    def _submit(self, recorder: Recorder, submission: Submission) -> SparkSubmitHook:
        """Intent first, in the folder, in the task's state and in the history; then the driver."""
        folder = DriverFolder.of(self._key.id, work_dir())
        hook, command, env = command_of(self._operator, self._context, submission, folder)
        folder.make()
        note(folder, submission)
        if self._store is not None:
            Record.here(self._key.submit_try).write(self._store)
        recorder.record(lambda history: history.open_run(submission.run, submission.token))
        home = self._connection.home()
        if home is not None:
            leave_home(folder, home)
        ClientDriver(folder).watch()
        if self._killed:
            self._delivered(folder, left=recorder.pending)
            raise AirflowException("The task was killed before its application was submitted")
        self._driver = ClientDriver.start(folder, command, env)
        self._followed = True
        if self._killed:  # in between: the handler did not know the driver yet
            self._driver.kill()
        return hook

    # Following and delivering

    def _hand_over(self, submission: Submission, recorder: Recorder) -> bool:
        """Leave the driver to its keeper once its agent is up.

        :returns: False if it has ended already, or if nobody would tell how it ends
        """
        driver = self._driver
        if driver is None or not driver.folder.home.exists():
            self._log.warning(
                "Waiting for the application in spite of wait_for_completion=False: without a way "
                "to the history nobody could tell how it ends"
            )
            return False
        address = self._agent_address(driver)
        if driver.exit_code() is not None:
            return False
        if address is not None:
            run_id = submission.run.key.id
            recorder.record(lambda history: history.save_agent(run_id, address.host, address.port))
        if self._store is not None:
            Record.here(submission.run.key.submit_try, handed_over=True).write(self._store)
        driver.folder.watcher.unlink(missing_ok=True)
        self._log.info("Submitted; its keeper will tell the history how it ends")
        return True

    def _agent_address(self, driver: ClientDriver) -> AgentAddress | None:
        """Where the agent listens, None if the driver has ended before, or is too slow."""
        deadline = time.monotonic() + AGENT_PATIENCE_S
        while (address := read_address(driver.folder.port)) is None:
            if driver.exit_code() is not None or time.monotonic() > deadline:
                return None
            time.sleep(self._operator._status_poll_interval)
        return address

    def _watched(
        self, key: RunKey, token: str, steering: Steering, past_runs: tuple[PastRun, ...]
    ) -> Watched:
        return Watched(
            run_id=key.id,
            token=token,
            steering=steering,
            expected_components=expected_components(past_runs),
        )

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
        watch = ClientWatch(
            self._watched(submission.run.key, submission.token, steering, past_runs),
            driver,
            recorder,
            self._log,
            on_lines=output.take,
            is_killed=self._is_killed,
            poll_interval_s=self._operator._status_poll_interval,
        )
        exit_code = watch.run_to_end()
        self._delivered(driver.folder, left=recorder.pending)
        if exit_code != 0:
            raise AirflowException(
                f"The Spark application failed with exit code {exit_code}. Its last lines:\n"
                f"{output.last_words}"
            )

    def _is_killed(self) -> bool:
        return self._killed

    def _delivered(self, folder: DriverFolder, left: int) -> None:
        """The result is this task's from here on: later tries submit afresh.

        :param left: records that the history has not taken; the messenger sends them
        """
        if left and folder.home.exists():
            self._forget()
            folder.delivered.touch()
            return
        self._connection.revoke_home()
        self._forget()
        folder.remove()  # last: until then a later try finds the result here

    def _forget(self) -> None:
        if self._store is not None:
            with suppress(Exception):  # the folder and the history tell the same
                self._store.delete(RECORD_KEY)


def _record_start(recorder: Recorder, submission: Submission, step: Step) -> None:
    run_id = submission.run.key.id
    started = ScaleAnswer(accepted=True, executors=0, message="submitted")
    recorder.record(lambda history: history.intend(run_id, step))
    recorder.record(lambda history: history.complete(run_id, 0, started))
