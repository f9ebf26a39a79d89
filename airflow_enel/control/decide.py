"""Decision step: from a reading of an application to a number of executors.

Called by operators, sensors, triggers and the simulator. Pure and without memory: the same reading
gives the same step. A step is due at a barrier that no accepted request has answered yet; the
caller posts the number to the agent even if it stays the same, so that the epoch comes back in the
stream and the barrier counts as answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_enel.control.guards import BASELINE_GUARDS, Guard, GuardContext, apply_guards
from airflow_enel.control.policies.base import PolicyContext, StartContext
from airflow_enel.control.progress import reduce_progress
from airflow_enel.domain import NO_CONTEXT, Progress, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.policies import Policy
    from airflow_enel.domain import Bounds, Forecast, PastRun, RunContext, Snapshot
    from airflow_enel.predict import Forecaster


@dataclass(frozen=True)
class Steering:
    """A run as the decision step sees it.

    :param forecaster: fitted on the past runs; None for policies that need none
    :param target_s: seconds the run may take from the application's start, None without a target
    :param try_number: the Airflow try that decides
    :param max_age_s: age up to which a reading counts as fresh
    :param context: what was known of the run at its start
    """

    policy: Policy
    forecaster: Forecaster | None
    target_s: float | None
    bounds: Bounds
    try_number: int
    guards: tuple[Guard, ...] = BASELINE_GUARDS
    max_age_s: float = 30.0
    context: RunContext = NO_CONTEXT


@dataclass(frozen=True)
class Assessment:
    """A reading as logs, warnings and pages use it: progress, forecast and step.

    :param step: what to ask of Spark; None without a new barrier, for a policy that never
        rescales, for an application that has ended or not come to work yet, or for a reading
        that is not fresh
    :param config: of the run, for its forecast
    """

    progress: Progress
    step: Step | None
    config: Steering = field(repr=False)

    @cached_property
    def forecast(self) -> Forecast | None:
        """Remaining seconds per candidate, None without a model.

        That of the step, else made when somebody asks for it first: most readings come a second
        after another and are never logged, and a forecast by the network takes 10 ms.
        """
        return self.step.forecast if self.step else _forecast(self.config, self.progress)


def first_step(
    steering: Steering, past_runs: Sequence[PastRun], given: int | None, now: float
) -> Step:
    """Choose the initial size, before the application is submitted: epoch 0.

    :param given: number of executors the user has set, if any
    :raises ValueError: if the policy needs a target and there is none
    """
    progress = Progress.at_start(steering.bounds, steering.context)
    start = StartContext(tuple(past_runs), given, is_retry=steering.try_number > 1)
    return _step(steering, progress, now, start)


def decide(steering: Steering, snapshot: Snapshot, now: float) -> Assessment:
    """Assess a run, and decide if it is at a new barrier.

    :param now: the present by the driver's clock
    """
    progress = reduce_progress(snapshot, steering.bounds, now, steering.context)
    if not _is_due(steering, snapshot, progress):
        return Assessment(progress, None, steering)
    return Assessment(progress, _step(steering, progress, now), steering)


def _is_due(steering: Steering, snapshot: Snapshot, progress: Progress) -> bool:
    return (
        steering.policy.rescales
        and _at_work(snapshot)
        and progress.at_new_barrier
        and _context(steering, progress, None).fresh
    )


def _at_work(snapshot: Snapshot) -> bool:
    return bool(snapshot.ended_at is None and snapshot.executors and snapshot.components)


def _forecast(steering: Steering, progress: Progress) -> Forecast | None:
    if steering.forecaster is None:
        return None
    return steering.forecaster.predict(progress, steering.bounds)


def _step(
    steering: Steering, progress: Progress, now: float, start: StartContext | None = None
) -> Step:
    steering.policy.check_target(steering.target_s)
    forecast = _forecast(steering, progress)
    proposal = steering.policy.propose(
        PolicyContext(forecast, steering.target_s, progress, steering.bounds, start)
    )
    context = _context(steering, progress, forecast)
    decision = apply_guards(
        steering.guards, proposal, context, try_number=steering.try_number, now=now
    )
    return Step(progress, forecast, decision)


def _context(steering: Steering, progress: Progress, forecast: Forecast | None) -> GuardContext:
    return GuardContext(progress, forecast, steering.target_s, steering.bounds, steering.max_age_s)
