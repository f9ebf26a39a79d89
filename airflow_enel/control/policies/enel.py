"""Policy ``enel``: plans the executors of the rest of a run, component by component.

At the start and at every barrier a dynamic programme over (component, size, elapsed time)
minimises expected executor-seconds plus the price of missing the target, and its first action is
taken (model-predictive control). So flat components run small, those that scale run large, and
slack is given back. See :mod:`airflow_enel.control.planning`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards import Limits
from airflow_enel.control.planning.exploration import may_explore, size_to_explore
from airflow_enel.control.planning.first_action import Present
from airflow_enel.control.planning.plan import HOPELESS, plan
from airflow_enel.control.planning.prices import Prices
from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import initial_size
from airflow_enel.domain import Proposal
from airflow_enel.predict.pauses import changes_of

if TYPE_CHECKING:
    from airflow_enel.control.planning.plan import Plan
    from airflow_enel.control.planning.rollout import Outlook
    from airflow_enel.control.policies.base import PlanningContext, PolicyContext
    from airflow_enel.domain import Progress

OVERRUN: Final = 3.0
"""Times as long as expected, from which on forecasts of a run are not believed."""

_LEAST_WAIT: Final = 0.2  # of the usual delay, however long executors are overdue


def propose(context: PolicyContext) -> Proposal:
    """The size with the least expected price of the rest of the run."""
    planning, progress = context.planning, context.progress
    if context.start is not None and (planning is None or not planning.components.share):
        return initial_size(context, context.start)
    now = context.bounds.clamp(progress.requested)
    if planning is None:
        return Proposal(now, "there is no forecast yet")
    if not planning.components.share:
        return Proposal(now, "nothing is left to do")
    assert context.target_s is not None  # noqa: S101 - checked by the decision step
    if context.start is None and not progress.executors:
        return Proposal(now, "no executor takes tasks at present")
    present = _present(progress, planning) if context.start is None else Present(0, 0, 0.0, 0.0)
    prices = Prices.of(planning.at_start, context.target_s, planning.risk)
    left_s = context.time_left_s
    is_retry = context.start is not None and context.start.is_retry
    untried = None if is_retry else size_to_explore(planning.components, context.bounds)
    found = plan(planning.components, prices, present, left_s, progress.lost, untried)
    outlook = found.outlook(found.size)
    if untried is not None and may_explore(
        untried, found, outlook, planning.components, planning.risk
    ):
        return Proposal(untried, "what comes next has always run with more executors")
    if outlook.miss_probability >= HOPELESS:
        found = plan(planning.components, prices.lateness_only(), present, left_s, progress.lost)
        outlook = found.outlook(found.size)
    return _proposal(found, outlook, left_s, planning.components.overrun)


def _present(progress: Progress, planning: PlanningContext) -> Present:
    """The executors of a running application."""
    now, asked = progress.executors, progress.requested
    plant = planning.components.plant
    if now > asked and not plant.can_shrink:
        asked = now
    pending_s = 0.0
    if asked > now:
        delay_s = plant.start_delay_s
        pending_s = max(delay_s - _waited_s(progress, planning.now), _LEAST_WAIT * delay_s)
    return Present(now, asked, pending_s, planning.components.spent_s)


def _waited_s(progress: Progress, now: float) -> float:
    """Seconds since the number of executors was last changed by a request."""
    changes = changes_of(progress.initial, progress.requests)
    return max(now - changes[-1].at, 0.0) if changes else 0.0


def _proposal(found: Plan, outlook: Outlook, left_s: float, overrun: float) -> Proposal:
    """What is planned, or the largest size while forecasts of this run come out wrong."""
    if overrun >= OVERRUN and outlook.end_s * overrun > left_s:
        reason = f"the latest components took {overrun:.1f} times as long as expected, or longer"
        return Proposal(max(found.sizes), reason)
    size = found.size
    reason = (
        f"{outlook.end_s:.0f} s expected for {left_s:.0f} s of time, "
        f"{outlook.miss_probability:.0%} to miss, {outlook.executor_seconds / 60:.1f} executor-min"
    )
    return Proposal(size, reason)


# A plan weighs every change against its pause itself: with one reversal per run it kept 5 % more
# executor-minutes on simulated clusters and missed as many targets.
ENEL: Final = Policy("enel", propose, forecaster="enel", plans=True, limits=Limits(reversals=4))
