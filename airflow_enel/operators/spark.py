"""`EnelSparkOperator`, which DAG authors write.

Kept light, because every DAG that uses it imports it: `RunTask` runs a task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from airflow_enel.control.deadline import DagRunMoment
from airflow_enel.control.feasibility import OnInfeasible
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import Bounds
from airflow_enel.execution.miss_callbacks import (
    MissCallback,
    MissCallbacks,
    check_miss_callbacks,
)
from airflow_enel.operators.validation import (
    check_choice,
    check_context,
    check_input_paths,
    check_risk,
    check_target,
)

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from airflow_enel.execution.run_task import RunTask


class EnelSparkOperator(SparkSubmitOperator):
    """Run a recurring Spark application so that it meets its target at the lowest cost.

    Takes every argument of ``SparkSubmitOperator`` and submits in the same way. Besides, it picks
    the number of executors from the history of the recurring job, watches the application while
    it runs, changes the executors where the policy says so, and keeps the history.

    It works on Spark standalone and on ``local-cluster[…]``, in client mode. Without the Spark
    connection ``conn_id`` it runs an embedded ``local-cluster`` on the worker itself, large
    enough for ``max_executors``.

    :param runtime_target: how long the Spark application may take: a timedelta, seconds, or a
        text such as "PT10M" or "00:10:00" (templated). Policies without a target do without.
    :param deadline: when the DAG run must have ended: a datetime with a time zone, or a time after
        ``deadline_reference``, such as ``timedelta(hours=2)`` or "PT2H" (templated). Less what the
        tasks that follow have taken in past DAG runs, and the start, it gives the runtime target
        if there is no ``runtime_target``. Without either the ``DeadlineAlert`` of the DAG is used,
        of several the next one.
    :param deadline_reference: what a time counts from: "run_after" (default), the moment for which
        the DAG run was scheduled or at which it was triggered, as for the SLAs of Airflow 2;
        "logical_date", "data_interval_end" or "start_date" of the DAG run
    :param on_infeasible: what to do if no allowed size is expected to meet the target, for instance
        as the deadline has passed: "run" (default) as fast as possible, with a warning, or "fail"
        without submitting; retries and cleared tasks run
    :param min_executors: the fewest executors ever
    :param max_executors: the most executors ever
    :param policy: how executors are chosen: "enel" (default: plans them for all that is left, from
        the history and the run so far), "enel-risk" (from history, once, later more if at risk),
        "utilization" (by how busy they are, without a target), "static" (``num_executors``, or the
        maximum), "observe" (as "static", and tells what "enel" would do), or the published
        "ellis", "bell" and "enel-paper"; a policy of your own by the name of its entry point or by
        its import path, "package.module:NAME"
    :param risk: probability to miss the target that you accept, 0.05 by default: with less, a run
        costs more
    :param profile: True to size the first runs for learning, although they may miss the target;
        by default they only try what is expected to be in time
    :param job_key: identity of the recurring job within the DAG, by default the task id
        (templated). Tasks with the same key share their history.
    :param context: what else is known before the start and may explain the runtime, such as
        ``{"input_mib": "{{ ti.xcom_pull('measure') }}"}`` (templated): texts, or numbers, which
        may be written as texts. Sizes of executors and driver, the application's name, a digest of
        its code, the version of Spark and the calendar are known anyway. Everybody can see it: no
        secrets.
    :param input_paths: files or folders that the application reads, one or several, with wildcards
        (``*``, ``?``, ``[…]``, ``**``), local or as URLs with or without an Airflow connection,
        such as ``"s3://conn_id@bucket/sales/{{ ds }}"`` (templated). Their size at the start
        becomes ``input_mib`` of the context, unless ``context`` has it. What takes longer than
        seven seconds, or cannot be listed, is left out with a warning.
    :param wait_for_completion: False to succeed as soon as the application is submitted, and
        leave observing and scaling it to an ``EnelSparkSensor``
    :param on_expected_miss: a notifier of Airflow or a function of the context, or several, called
        once per run as soon as it is likelier than ``expected_miss_threshold`` to miss its target
        even at the largest size. ``context["expected_miss"]`` has ``miss_probability``,
        ``lateness_s``, ``target_s``, ``elapsed_s``, ``executors`` and ``run``; see
        :class:`~airflow_enel.domain.ExpectedMiss`
    :param expected_miss_threshold: a probability, 0.5 by default
    :param durable: True (default) to resume the application of an earlier try that is alive or
        has succeeded; False to end it and submit anew
    :raises ValueError: for arguments that cannot work, when the DAG is parsed if they are literal
    """

    template_fields: Sequence[str] = (
        *SparkSubmitOperator.template_fields,
        "runtime_target",
        "deadline",
        "job_key",
        "context",
        "input_paths",
    )

    def __init__(
        self,
        *,
        runtime_target: timedelta | float | str | None = None,
        deadline: datetime | timedelta | str | None = None,
        deadline_reference: str = "run_after",
        on_infeasible: str = "run",
        min_executors: int = 1,
        max_executors: int = 8,
        policy: str = "enel",
        risk: float | None = None,
        profile: bool = False,
        job_key: str | None = None,
        context: Mapping[str, Any] | None = None,
        input_paths: str | Sequence[str] | None = None,
        wait_for_completion: bool = True,
        on_expected_miss: MissCallback | Sequence[MissCallback] | None = None,
        expected_miss_threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        Bounds(min_executors, max_executors)
        dag = self.get_dag()
        # An instance of a mapped task belongs to a DAG, but does not know it here.
        is_mapped = getattr(self, "_BaseOperator__from_mapped", False)
        alert = bool(dag.deadline) if dag else is_mapped
        check_target(runtime_target, deadline, find_policy(policy), may_have_alert=alert)
        check_risk(risk)
        check_choice("deadline_reference", deadline_reference, DagRunMoment)
        check_choice("on_infeasible", on_infeasible, OnInfeasible)
        check_context(context)
        check_input_paths(input_paths)
        self.runtime_target = runtime_target
        self.deadline = deadline
        self.deadline_reference = deadline_reference
        self.on_infeasible = on_infeasible
        self.min_executors = min_executors
        self.max_executors = max_executors
        self.policy = policy
        self.risk = risk
        self.profile = profile
        self.job_key = job_key
        self.context = context
        self.input_paths = input_paths
        self.wait_for_completion = wait_for_completion
        self.on_expected_miss = check_miss_callbacks(on_expected_miss, expected_miss_threshold)
        self.expected_miss_threshold = expected_miss_threshold
        self._run_task: RunTask | None = None
        self._killed = False

    def execute(self, context: Context) -> None:
        """Size, submit, observe; fail if the application failed."""
        self._run_task = self.run_task(context)
        if self._killed:  # while the imports above were made
            self._run_task.kill()
        self._run_task.run()

    def on_kill(self) -> None:
        """End the driver and everything it started, or leave it to a retry after an eviction."""
        self._killed = True
        if self._run_task is not None:
            self._run_task.kill()

    def run_task(self, context: Context) -> RunTask:
        """Return what runs this try, with nothing submitted yet.

        :raises ValueError: for rendered arguments that cannot work
        """
        from airflow_enel.control.target import parse_runtime_target
        from airflow_enel.execution import result_reporter
        from airflow_enel.execution.input_size import read_input_paths
        from airflow_enel.execution.request import RunRequest, run_key, work_dir
        from airflow_enel.execution.run_context import data_start_of, run_context
        from airflow_enel.execution.run_target import given_deadline_at
        from airflow_enel.execution.run_task import RunTask
        from airflow_enel.spark.submission.arguments import CORES_BY_DEFAULT, SubmitArguments
        from airflow_enel.spark.submission.client.submitter import ClientSubmitter

        arguments = SubmitArguments.of(self, context)
        if arguments is None:
            raise TypeError("SparkSubmitOperator has lost the arguments that are read here")
        request = RunRequest(
            key=run_key(context),
            job_key=self.job_key or self.task_id,
            application=self.application,
            policy=self.policy,
            bounds=Bounds(self.min_executors, self.max_executors),
            runtime_target_s=parse_runtime_target(self.runtime_target),
            deadline_at=given_deadline_at(self.deadline, self.deadline_reference, context),
            on_infeasible=OnInfeasible(self.on_infeasible),
            initial_executors=self._num_executors,
            context=run_context(
                self.application,
                arguments,
                self.context,
                self.log,
                cores=CORES_BY_DEFAULT,
                data_start=data_start_of(context),
            ),
            input_paths=read_input_paths(self.input_paths, self.log),
            risk=self.risk,
            profile=self.profile,
            durable=self.durable,
            wait_for_completion=self.wait_for_completion,
            poll_interval_s=self._status_poll_interval,
        )
        submitter = ClientSubmitter(
            arguments, self._hook_with, work_dir(), result_reporter.MODULE, self.log
        )
        on_miss = MissCallbacks(self.on_expected_miss, self.expected_miss_threshold, context)
        return RunTask(request, submitter, context, self.log, on_miss=on_miss)

    def _hook_with(self, conf: dict[str, Any], jars: str | None) -> SparkSubmitHook:
        changed = copy(self)
        changed.conf, changed.jars = conf, jars
        return changed._get_hook()
