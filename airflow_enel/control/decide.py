"""Decision step: from a reading of an application to a number of executors.

Called by operators, sensors, triggers and the simulator. Pure and without memory: the same reading
gives the same step. A step is due at a barrier that no accepted request has answered yet; the
caller posts the number to the agent even if it stays the same, so that the epoch comes back in the
stream and the barrier counts as answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards.apply import apply_guards
from airflow_enel.control.guards.base import GuardContext, is_fresh
from airflow_enel.control.policies.base import PlanningContext, PolicyContext, StartContext
from airflow_enel.control.progress import reduce_progress
from airflow_enel.control.risk import DEFAULT_RISK
from airflow_enel.domain import NO_CONTEXT, NO_SWITCHES, Plant, Progress, Step
from airflow_enel.predict.base import ForecastsComponents
from airflow_enel.predict.plant import USUAL_DELAY_S, USUAL_PAUSE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.policies import Policy
    from airflow_enel.domain import (
        Bounds,
        ComponentForecast,
        Forecast,
        PastRun,
        RunContext,
        Snapshot,
        Switches,
    )
    from airflow_enel.predict import Forecaster

LEAST_TARGET_S: Final = 1.0
"""Target that a run is planned for if no time was left for it: policies divide by it."""

_USUAL_PLANT: Final = Plant(USUAL_DELAY_S, USUAL_PAUSE_S, USUAL_PAUSE_S, can_shrink=True)


@dataclass(frozen=True)
class ScalingConfig:
    """A run as the decision step sees it.

    :param forecaster: fitted on the past runs; None for policies that need none
    :param target_s: seconds the run may take from the application's start, 0 if no time was left
        for it when it was submitted, None without a target
    :param try_number: the Airflow try that decides
    :param max_age_s: age up to which a reading counts as fresh
    :param context: what was known of the run at its start
    :param risk: probability to miss that the user accepts, 0…1
    """

    policy: Policy
    forecaster: Forecaster | None
    target_s: float | None
    bounds: Bounds
    try_number: int
    max_age_s: float = 30.0
    context: RunContext = NO_CONTEXT
    risk: float = DEFAULT_RISK

    @cached_property
    def components_at_start(self) -> ComponentForecast | None:
        """What the forecaster says of each component before the start, if it can."""
        return self.forecast_components(Progress.at_start(self.bounds, self.context))

    def forecast_components(self, progress: Progress) -> ComponentForecast | None:
        """What the forecaster says of each component to come, if it can."""
        if not isinstance(self.forecaster, ForecastsComponents):
            return None
        return self.forecaster.forecast_components(progress, self.bounds)


@dataclass(frozen=True)
class Assessment:
    """A reading as logs, warnings and pages use it: progress, forecast and step.

    :param step: what to ask of Spark; None without a new barrier, for a policy that never
        rescales, for an application that has ended or not come to work yet, or for a reading
        that is not fresh
    :param config: of the run, for its forecast
    :param now: the present by the driver's clock
    """

    progress: Progress
    step: Step | None
    config: ScalingConfig = field(repr=False)
    now: float

    @cached_property
    def forecast(self) -> Forecast | None:
        """Remaining seconds per candidate, None without a model.

        That of the step, else made when somebody asks for it first: most readings come a second
        after another and are never logged, and a forecast by the network takes 10 ms.
        """
        return self.step.forecast if self.step else _forecast(self.config, self.progress)

    @cached_property
    def planned_miss(self) -> float | None:
        """Probability to miss the target by the policy's plan, None if it has none.

        That of the step, else what the policy would decide now: time passes between two barriers.
        """
        if self.step is not None:
            return self.step.decision.miss_probability
        if not self.config.policy.plans or self.config.target_s is None:
            return None
        return _step(self.config, self.progress, self.now).decision.miss_probability


def first_step(
    config: ScalingConfig,
    past_runs: Sequence[PastRun],
    given: int | None,
    now: float,
    *,
    profile: bool = False,
) -> Step:
    """Choose the initial size, before the application is submitted: epoch 0.

    :param given: number of executors the user has set, if any
    :param profile: True if the job's first runs may miss their targets to learn sooner
    :raises ValueError: if the policy needs a target and there is none
    """
    progress = Progress.at_start(config.bounds, config.context)
    is_retry = config.try_number > 1
    start = StartContext(tuple(past_runs), given, is_retry=is_retry, profile=profile)
    return _step(config, progress, now, start)


def decide(
    config: ScalingConfig, snapshot: Snapshot, now: float, switches: Switches = NO_SWITCHES
) -> Assessment:
    """Assess a run, and decide if it is at a new barrier.

    :param now: the present by the driver's clock
    :param switches: what people hold back at present
    """
    progress = reduce_progress(snapshot, config.bounds, now, config.context)
    if not _is_due(config, snapshot, progress):
        return Assessment(progress, None, config, now)
    return Assessment(progress, _step(config, progress, now, switches=switches), config, now)


def _is_due(config: ScalingConfig, snapshot: Snapshot, progress: Progress) -> bool:
    return (
        config.policy.rescales
        and _at_work(snapshot)
        and progress.at_new_barrier
        and is_fresh(progress, config.max_age_s)
    )


def _at_work(snapshot: Snapshot) -> bool:
    return bool(snapshot.ended_at is None and snapshot.executors and snapshot.components)


def _forecast(config: ScalingConfig, progress: Progress) -> Forecast | None:
    if config.forecaster is None:
        return None
    return config.forecaster.predict(progress, config.bounds)


def _step(
    config: ScalingConfig,
    progress: Progress,
    now: float,
    start: StartContext | None = None,
    switches: Switches = NO_SWITCHES,
) -> Step:
    policy = config.policy
    policy.check_target(config.target_s)
    target_s = None if config.target_s is None else max(config.target_s, LEAST_TARGET_S)
    forecast = _forecast(config, progress)
    planning = _planning(config, progress, now) if policy.plans else None
    proposal = policy.propose(
        PolicyContext(forecast, target_s, progress, config.bounds, start, planning, config.risk)
    )
    if forecast is not None and forecast.notes:
        proposal = replace(proposal, reason="; ".join((proposal.reason, *forecast.notes)))
    context = GuardContext(
        progress,
        forecast,
        target_s,
        config.bounds,
        config.max_age_s,
        now,
        _USUAL_PLANT if planning is None else planning.components.plant,
        config.risk,
        policy.limits,
        switches,
    )
    decision = apply_guards(policy.guards, proposal, context, try_number=config.try_number)
    return Step(progress, forecast, decision)


def _planning(config: ScalingConfig, progress: Progress, now: float) -> PlanningContext | None:
    at_start = config.components_at_start
    components = config.forecast_components(progress)
    if at_start is None or components is None:
        return None
    return PlanningContext(components, at_start, now)
