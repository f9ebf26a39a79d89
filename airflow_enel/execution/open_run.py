"""Opens a run: its first decision, the agent's token, and the records of both.

For our operators, which then submit the application, and for the macros of other operators, whose
application is submitted by them.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_enel.control.decide import first_step
from airflow_enel.control.feasibility import (
    InfeasibleTarget,
    OnInfeasible,
    Shortfall,
    as_fast_as_possible,
    backed_forecast,
    shortfall,
)
from airflow_enel.control.policies import find_policy
from airflow_enel.domain import ScaleAnswer
from airflow_enel.execution.scaling_config import MonitoredRun, scaling_config
from airflow_enel.history.records import DecisionCompleted, DecisionIntended, RunOpened
from airflow_enel.spark.submission.run_folder import Submission

if TYPE_CHECKING:
    from airflow_enel.domain import Forecast, Run, Step
    from airflow_enel.execution.request import RunRequest
    from airflow_enel.execution.scaling_config import JobPast


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that is about to be submitted.

    :param step: decision 0, the initial size
    :param monitored: what an observer of the run needs
    :param shortfall: how far the target is from what is possible, None if it can be met
    """

    submission: Submission
    step: Step
    monitored: MonitoredRun
    shortfall: Shortfall | None = None

    @property
    def run(self) -> Run:
        """The run as it is stored."""
        return self.submission.run

    @property
    def opened(self) -> RunOpened:
        """The record of the run, to be written before the submission."""
        return RunOpened(self.run, self.submission.token)

    @property
    def first_decision(self) -> tuple[DecisionIntended, DecisionCompleted]:
        """The records of decision 0, to be written once the application is submitted."""
        submitted = ScaleAnswer(accepted=True, executors=0, message="submitted")
        return (
            DecisionIntended(self.run.key.id, self.step),
            DecisionCompleted(self.run.key.id, self.step.decision.epoch, submitted),
        )


def open_run(request: RunRequest, past: JobPast) -> OpenRun:
    """Decide the initial size of a requested run, and make the run and its token.

    A target that no size is expected to meet fails only what was never submitted: a later try, or
    a task that somebody has cleared, is wanted although it is late.

    :raises ValueError: if the policy needs a target and there is none
    :raises InfeasibleTarget: if it is not to run, as no size is expected to meet its target
    """
    config = scaling_config(request, past, request.key.submit_try)
    if request.foreign_operator and request.initial_executors is not None:
        # For another operator the author's size is final; our operator lets the policy judge it.
        config = replace(config, policy=find_policy("static"))
    step = first_step(
        config, past.runs, request.initial_executors, time.time(), profile=request.profile
    )
    short = _shortfall(request, backed_forecast(step.forecast, past.runs, request.bounds))
    if short is not None and config.policy.needs_target:
        fastest = replace(config, policy=as_fast_as_possible(short))
        step = first_step(fastest, past.runs, request.initial_executors, time.time())
    run = request.run(step.decision.executors, step.decision.decided_at)
    monitored = MonitoredRun.of(run.key, config, past.runs)
    return OpenRun(Submission(run, secrets.token_urlsafe(32)), step, monitored, short)


def _shortfall(request: RunRequest, forecast: Forecast | None) -> Shortfall | None:
    if request.runtime_target_s is None:
        return None
    short = shortfall(forecast, request.bounds, request.runtime_target_s, request.overdue_s)
    if short is None or request.on_infeasible is OnInfeasible.RUN or request.key.submit_try > 1:
        return short
    raise InfeasibleTarget(
        f"The target cannot be met, so nothing was submitted (on_infeasible='fail'): {short}"
    )
