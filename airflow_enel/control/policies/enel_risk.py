"""Policy ``enel-risk``: one size, chosen before the start, that misses with an accepted risk.

The cheapest size whose probability to miss is at most the risk. During the run it grows if what is
left has become riskier than that, and never shrinks on its own: a smaller size that just suffices
spends the slack before a cliff or a failure comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import first_size
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import PolicyContext
    from airflow_enel.domain import Forecast


def propose(context: PolicyContext) -> Proposal:
    """The cheapest size with an accepted risk; once the run has begun, no smaller one."""
    forecast, start = context.forecast, context.start
    if start is not None and (proposal := first_size(context, start)) is not None:
        return proposal
    now = context.bounds.clamp(context.progress.requested)
    if forecast is None:
        if start is not None:
            return Proposal(context.bounds.maximum, "the past runs give no forecast")
        return Proposal(now, "there is no forecast yet")
    left_s = context.time_left_s
    if start is None and forecast.miss_probability(now, left_s) <= context.risk:
        miss = forecast.miss_probability(now, left_s)
        return Proposal(now, f"{miss:.0%} to miss with {now}, {context.risk:.0%} is accepted")
    allowed = [s for s in forecast.executors if start is not None or s >= now]
    return _chosen(forecast, allowed, left_s, context.risk)


def _chosen(forecast: Forecast, allowed: list[int], left_s: float, risk: float) -> Proposal:
    miss = {size: forecast.miss_probability(size, left_s) for size in allowed}
    safe = [size for size in allowed if miss[size] <= risk]
    if safe:
        size = min(safe, key=lambda s: s * forecast.median(s))
        return Proposal(size, f"the cheapest with at most {risk:.0%} to miss: {miss[size]:.0%}")
    size = min(allowed, key=lambda s: (miss[s], forecast.median(s)))
    return Proposal(size, f"the least likely to miss, with {miss[size]:.0%}")


ENEL_RISK: Final = Policy("enel-risk", propose, forecaster="enel")
