"""Guards against changes that are too large, too soon, back and forth, or too many.

More executors for a run whose target is at risk pass sooner, and back and forth.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING

from airflow_enel.domain import GuardNote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.guards.base import GuardContext
    from airflow_enel.domain import Plant
    from airflow_enel.domain.changes import Change


def step_limit(executors: int, context: GuardContext) -> GuardNote | None:
    """Change the number by no more than so much at once: a forecast may be very wrong."""
    limits, now = context.limits, context.progress.requested
    most = max(floor(limits.step_factor * now), now + limits.step_executors)
    least = min(ceil(now / limits.step_factor), now - limits.step_executors)
    allowed = max(least, min(most, executors))
    if allowed == executors:
        return None
    return GuardNote("step limit", allowed, f"{max(least, 1)} to {most} are one step from {now}")


def cool_down(executors: int, context: GuardContext) -> GuardNote | None:
    """Change nothing while the pause of the last change is not yet worth while."""
    requested = context.progress.requested
    if executors == requested or not context.changes or context.urgent(executors):
        return None
    latest = context.changes[-1]
    wait_s = context.limits.cool_down * pause_s(context.plant, latest)
    since_s = context.now - latest.at
    if not 0 <= since_s < wait_s:  # before 0 if the driver's clock was set back
        return None
    reason = f"the last change was {since_s:.0f} s ago, the next is due after {wait_s:.0f} s"
    return GuardNote("cool-down", requested, reason)


def hysteresis(executors: int, context: GuardContext) -> GuardNote | None:
    """Do not go back and forth."""
    requested, changes = context.progress.requested, context.changes
    if executors == requested or not changes or context.urgent(executors):
        return None
    latest = changes[-1]
    if (executors > requested) == (latest.after > latest.before):
        return None
    done = reversals(changes)
    if done < context.limits.reversals:
        return None
    return GuardNote("hysteresis", requested, f"the direction has changed {done} × already")


def action_budget(executors: int, context: GuardContext) -> GuardNote | None:
    """Change the number so many times per run; the last time is kept for more executors."""
    requested, done = context.progress.requested, len(context.changes)
    allowed = context.limits.changes - (executors < requested)
    if executors == requested or done < allowed:
        return None
    return GuardNote("action budget", requested, f"{done} changes of {context.limits.changes}")


def pause_s(plant: Plant, change: Change) -> float:
    """Seconds for which a change holds up the next component, by the history."""
    grows = change.after > change.before
    base_s, each_s = plant.grow_pause_s if grows else plant.shrink_pause_s
    return base_s + each_s * abs(change.after - change.before)


def reversals(changes: Sequence[Change]) -> int:
    """How often the direction has changed."""
    grows = [change.after > change.before for change in changes]
    return sum(before != after for before, after in pairwise(grows))
