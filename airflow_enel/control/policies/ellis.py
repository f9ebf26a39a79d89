"""Policy ``ellis``: a size corrected during the run, from the components still to come.

Ellis' rule, corrected: it asks for the size it has chosen, and down means down.
Predicted > 1.05 × time left: up; < 0.85 × time left: down; each to the smallest size predicted
< 0.9 × time left, else the fastest. Up is never fewer and down never more than now.
Source: Thamsen et al., "Ellis: Dynamically Scaling Distributed Dataflows to Meet Runtime
Targets", CloudCom 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.guards import BASELINE_GUARDS
from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import Choice, initial_size, rescaled_size

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import PolicyContext
    from airflow_enel.domain import Forecast, Proposal

UP_ABOVE: Final = 1.05
DOWN_BELOW: Final = 0.85
AIM_BELOW: Final = 0.9
"""Shares of the time left that the predicted remaining time is compared with."""


def propose(context: PolicyContext) -> Proposal:
    """The initial size from history, later one by Ellis' rule."""
    if context.start is not None:
        return initial_size(context, context.start)
    return rescaled_size(context, choose)


def choose(forecast: Forecast, now: int, left_s: float) -> Choice | None:
    """Up, down or keep, by the remaining time predicted at the present size."""
    if forecast.median(now) > UP_ABOVE * left_s:
        allowed = [s for s in forecast.executors if s >= now]
    elif forecast.median(now) < DOWN_BELOW * left_s:
        allowed = [s for s in forecast.executors if s <= now]
    else:
        return None
    return Choice(allowed, [s for s in allowed if forecast.median(s) < AIM_BELOW * left_s])


ELLIS: Final = Policy("ellis", propose, forecaster="ellis", guards=BASELINE_GUARDS)
