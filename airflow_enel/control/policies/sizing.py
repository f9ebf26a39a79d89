"""Sizes chosen by a forecast: what deadline policies have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.profiling import careful_size, profiling
from airflow_enel.domain import Forecast, Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_enel.control.policies.base import PolicyContext, StartContext

SAME: Final = 0.001
"""Forecasts that differ by less at every size are the same at every size."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Sizes that may be taken, and those of them that are in time."""

    allowed: list[int]
    in_time: list[int]


def initial_size(context: PolicyContext, start: StartContext) -> Proposal:
    """The smallest size whose predicted total meets the target, else the fastest.

    While the past runs know too few sizes, one to learn from instead, see `first_size`.
    """
    target_s, bounds, forecast = context.time_left_s, context.bounds, context.forecast
    if (proposal := first_size(context, start)) is not None:
        return proposal
    if forecast is None:
        return Proposal(bounds.maximum, "the past runs give no forecast, so the largest size")
    in_time = [s for s in forecast.executors if forecast.median(s) <= target_s]
    size = min(in_time) if in_time else _fastest(forecast, forecast.executors)
    role = "the smallest that fits" if in_time else "the fastest, though too slow"
    return Proposal(
        size,
        f"{_at_size(size)} {forecast.median(size):.0f} s of work for {target_s:.0f} s "
        f"of time; {size} is {role}",
    )


def first_size(context: PolicyContext, start: StartContext) -> Proposal | None:
    """A size to learn from, None once the past runs know enough sizes.

    Only a run that succeeds is a past run, so a size at which the application cannot run (too
    little memory) would be proposed to every retry again: those take the largest.
    """
    choose = profiling if start.profile else careful_size
    proposal = choose(start.past_runs, context.time_left_s, context.bounds)
    if proposal is not None and start.is_retry:
        return Proposal(context.bounds.maximum, "a retry does not experiment")
    return proposal


def rescaled_size(
    context: PolicyContext, choose: Callable[[Forecast, int, float], Choice | None]
) -> Proposal:
    """The smallest size in time of those that may be taken, else the fastest of them.

    Where the forecast is the same at every size (only the running component is left, or the
    components that run are unknown to the history) there is nothing to choose, and a smaller
    size would be a guess: the size is kept.

    :param choose: a policy's rule, of the forecast, the present size and the seconds left; None
        to keep the size
    """
    left_s, forecast = context.time_left_s, context.forecast
    now = context.bounds.clamp(context.progress.requested)
    if forecast is None:
        return Proposal(now, "there is no forecast yet")
    here = f"{_at_size(now)} {_work(forecast.median(now), left_s)}"
    if _is_flat(forecast):
        return Proposal(now, f"{here}; no size would change that")
    choice = choose(forecast, now, left_s)
    if choice is None:
        return Proposal(now, f"{here}; that is close enough")
    in_time = choice.in_time
    size = min(in_time) if in_time else _fastest(forecast, choice.allowed)
    return Proposal(size, f"{here}; {size} is the {'smallest that fits' if in_time else 'fastest'}")


def _fastest(forecast: Forecast, candidates: Iterable[int]) -> int:
    """The candidate with the least median, the smallest of equals."""
    return min(candidates, key=forecast.median)


def _is_flat(forecast: Forecast) -> bool:
    """True if no size makes a difference: there is nothing to choose, or nothing is known."""
    return isclose(min(forecast.median_s), max(forecast.median_s), rel_tol=SAME)


def _at_size(executors: int) -> str:
    """A size in the words of a reason."""
    return f"at {executors} executor{'' if executors == 1 else 's'}"


def _work(predicted_s: float, left_s: float) -> str:
    """What is left to do, and the time for it, in the words of a reason."""
    if left_s <= 0:
        return f"{predicted_s:.0f} s left of work, {-left_s:.0f} s past the target"
    return f"{predicted_s:.0f} s left of work for {left_s:.0f} s of time"
