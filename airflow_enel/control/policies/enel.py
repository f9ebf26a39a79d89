"""Policy ``enel``: plans the executors of the rest of a run, component by component.

At the start and at every barrier a dynamic programme over (component, size, elapsed time)
minimises expected executor-seconds plus the price of missing the target, and its first action is
taken (model-predictive control). So flat components run small, those that scale run large, and
slack is given back. See :mod:`airflow_enel.control.planning`.

``observe`` keeps the size that is given and says what ``enel`` would do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards import Limits
from airflow_enel.control.planning.exploration import may_explore, size_to_explore
from airflow_enel.control.planning.first_action import Present
from airflow_enel.control.planning.plan import HOPELESS, plan
from airflow_enel.control.planning.prices import Prices
from airflow_enel.control.planning.proposal import PlannedProposal
from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import first_size, initial_size
from airflow_enel.control.policies.static import STATIC
from airflow_enel.domain import Proposal
from airflow_enel.domain.changes import changes_of

if TYPE_CHECKING:
    from airflow_enel.control.planning.plan import Plan
    from airflow_enel.control.planning.rollout import Outlook
    from airflow_enel.control.policies.base import (
        PlanningContext,
        PolicyContext,
        StartContext,
    )
    from airflow_enel.domain import Progress

OVERRUN: Final = 3.0
"""Times as long as expected, from which on forecasts of a run are not believed."""

_LEAST_WAIT: Final = 0.2  # of the usual delay, however long executors are overdue


def propose(context: PolicyContext) -> Proposal:
    """The size with the least expected price of the rest of the run."""
    planning, progress = context.planning, context.progress
    if context.start is not None:
        return _initial(context, context.start)
    now = context.bounds.clamp(progress.requested)
    if planning is None:
        return Proposal(now, "there is no forecast yet")
    if not planning.components.share:
        return Proposal(now, "nothing is left to do")
    if not progress.executors:
        return Proposal(now, "no executor takes tasks at present")
    return _planned(context, planning, _present(progress, planning, now))


def _initial(context: PolicyContext, start: StartContext) -> Proposal:
    planning = context.planning
    if planning is None or not planning.components.share:
        return initial_size(context, start)
    if start.profile and (proposal := first_size(context, start)) is not None:
        return proposal
    return _planned(context, planning, Present(0, 0, 0.0, 0.0))


def observe(context: PolicyContext) -> Proposal:
    """The size that is given, with what ``enel`` would do and what that would save."""
    kept = STATIC.propose(context)
    if context.target_s is None:
        return Proposal(kept.executors, f"{kept.reason}; without a target there is no plan")
    planned = propose(context)
    if planned.executors == kept.executors:
        return Proposal(kept.executors, f"observed only; enel would do the same: {planned.reason}")
    verb = "start with" if context.start is not None else "ask for"
    reason = f"observed only; enel would {verb} {planned.executors}: {planned.reason}"
    return Proposal(kept.executors, reason)


def _planned(context: PolicyContext, planning: PlanningContext, present: Present) -> Proposal:
    assert context.target_s is not None  # noqa: S101 - checked by the decision step
    components, lost, left_s = planning.components, context.progress.lost, context.time_left_s
    prices = Prices.of(planning.at_start, context.target_s, context.risk)
    is_retry = context.start is not None and context.start.is_retry
    untried = None if is_retry else size_to_explore(components, context.bounds)
    found = plan(components, prices, present, left_s, lost, untried)
    outlook = found.outlook(found.size)
    if components.overrun >= OVERRUN and outlook.end_s * components.overrun > left_s:
        times = f"{components.overrun:.1f} times as long as expected, or longer"
        return Proposal(max(found.sizes), f"the latest components took {times}")
    if untried is not None and may_explore(untried, found, outlook, components, context.risk):
        return _exploring(found, untried, components.fewest_executors[0], left_s)
    if outlook.miss_probability >= HOPELESS:
        found = plan(components, prices.lateness_only(), present, left_s, lost)
        fewest = components.fewest_executors[0] if components.fewest_executors else 0
        return _least_late(found, fewest, outlook.miss_probability)
    return _proposal(found, outlook, left_s)


def _present(progress: Progress, planning: PlanningContext, asked: int) -> Present:
    """The executors of a running application.

    :param asked: number last asked for, within the bounds
    """
    now = progress.executors
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


def _exploring(found: Plan, size: int, fewest: int, left_s: float) -> Proposal:
    outlook = found.outlook(size)
    reason = f"the next component has never run with fewer than {fewest}: trying {size};"
    reason = f"{reason} {_expected(outlook, left_s)}"
    return PlannedProposal(size, reason, outlook.miss_probability, outlook.end_s)


def _least_late(found: Plan, fewest: int, miss_probability: float) -> Proposal:
    """The size at which a run that will be late ends first.

    A size that the next component has never run with is none to shrink to: that fewer executors
    end sooner is seldom true, and often an error of few past runs.

    :param fewest: executors with which the next component has ever run, 0 if not known
    """
    size, kept = found.size, found.present.requested
    if size < min(kept, fewest) and kept in found.sizes:
        size = kept
    outlook = found.outlook(size)
    reason = f"no size is in time; with {size} the run ends the least late, by"
    reason = f"{reason} {outlook.late_s:.0f} s"
    return PlannedProposal(size, reason, miss_probability, outlook.end_s)


def _proposal(found: Plan, outlook: Outlook, left_s: float) -> Proposal:
    size, kept = found.size, found.present.requested
    reason = f"cheapest plan in time: {_expected(outlook, left_s)}"
    if size != kept and kept in found.sizes:
        otherwise = found.outlook(kept)
        reason += f"; with {kept} {_expected(otherwise, left_s)}"
    return PlannedProposal(size, reason, outlook.miss_probability, outlook.end_s)


def _expected(outlook: Outlook, left_s: float) -> str:
    """What a plan comes to, in the words of a reason."""
    late = f" by {outlook.late_s / outlook.miss_probability:.0f} s" if outlook.late_s >= 1 else ""
    return (
        f"{outlook.end_s:.0f} s of {left_s:.0f} s left, {outlook.miss_probability:.0%} to miss"
        f"{late}, {outlook.executor_seconds / 60:.1f} executor-min"
    )


# A plan weighs every change against its pause itself: with one reversal per run it kept 5 % more
# executor-minutes on simulated clusters and missed as many targets.
ENEL: Final = Policy("enel", propose, forecaster="enel", plans=True, limits=Limits(reversals=4))
OBSERVE: Final = Policy("observe", observe, forecaster="enel", plans=True, needs_target=False)
