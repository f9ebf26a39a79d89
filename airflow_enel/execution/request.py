"""The rendered arguments of one Spark application, for the code that runs it.

Everything below the operators works on a `RunRequest` and never sees an operator: tries of a
task, runs that macros open for other operators, and whoever resumes one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import conf

from airflow_enel.control.feasibility import OnInfeasible
from airflow_enel.domain import NO_CONTEXT, Bounds, Run, RunContext, RunKey, TargetSource

if TYPE_CHECKING:
    from airflow.sdk import Context


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a task asks for, with its templates rendered.

    :param key: the task instance, and its present try as the one that submits
    :param job_key: identity of the recurring job within the DAG
    :param application: file or URL that is submitted, as the history shows it
    :param policy: name of the policy
    :param runtime_target_s: seconds that the application may take, None without a target
    :param deadline_at: that the author has set, until the target is known: then the one that it was
        made of, None without one
    :param target_source: what the target was made of, None as long as it is not known
    :param overdue_s: see `airflow_enel.control.deadline.Target`
    :param on_infeasible: what to do if no allowed size is expected to meet the target
    :param initial_executors: size that the author has set, None if the policy chooses it
    :param context: what is known before the start and may explain the runtime
    :param input_paths: what the application reads, to be measured before it is submitted
    :param foreign_operator: True if another operator than ours submits the application
    :param risk: probability to miss the target that the user accepts, None for the usual one
    :param profile: True if the job's first runs may miss their targets to learn sooner
    :param durable: False to submit anew although an earlier try has left an application
    :param wait_for_completion: False to succeed as soon as the application is submitted
    :param poll_interval_s: seconds between two polls of the application
    """

    key: RunKey
    job_key: str
    application: str
    policy: str
    bounds: Bounds
    runtime_target_s: float | None
    deadline_at: float | None = None
    target_source: TargetSource | None = None
    overdue_s: float = 0.0
    on_infeasible: OnInfeasible = OnInfeasible.RUN
    initial_executors: int | None = None
    context: RunContext = NO_CONTEXT
    input_paths: tuple[str, ...] = ()
    foreign_operator: bool = False
    risk: float | None = None
    profile: bool = False
    durable: bool = True
    wait_for_completion: bool = True
    poll_interval_s: float = 1.0

    def run(self, initial_executors: int, submitted_at: float) -> Run:
        """Return the run of this request that starts at a size."""
        return Run(
            key=self.key,
            job_key=self.job_key,
            application=self.application,
            policy=self.policy,
            bounds=self.bounds,
            runtime_target_s=self.runtime_target_s,
            initial_executors=initial_executors,
            submitted_at=submitted_at,
            foreign_operator=self.foreign_operator,
            context=self.context,
            target_source=self.target_source,
            deadline_at=self.deadline_at,
            risk=self.risk,
        )


def run_key(context: Context) -> RunKey:
    """Return the key of the application that this try of a task submits."""
    ti = context["ti"]
    return RunKey(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        submit_try=ti.try_number,
    )


def work_dir() -> Path | None:
    """Return ``[enel] work_dir``, where the folders of runs are; None for the default."""
    configured = conf.get("enel", "work_dir", fallback="")
    return Path(configured) if configured else None


def unknown_patience_s() -> float:
    """Return ``[enel] unknown_patience``: how long to wait while a driver's state is unknown."""
    return float(conf.getfloat("enel", "unknown_patience", fallback=600.0))
