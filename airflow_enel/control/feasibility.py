"""Finds targets that no allowed size is expected to meet, before anything is submitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import ceil
from statistics import median
from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.profiling import SIZES
from airflow_enel.domain import Forecast, Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.policies.base import PolicyContext
    from airflow_enel.domain import Bounds, PastRun

SAME: Final = 1.01
"""Sizes that take so many times the least runtime are as fast: more executors would buy nothing."""


class OnInfeasible(str, Enum):
    """What to do about a target that no allowed size is expected to meet."""

    RUN = "run"
    FAIL = "fail"


class InfeasibleTarget(ValueError):
    """No allowed size is expected to meet the target, and the application is not to run then."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A target that no allowed size is expected to meet.

    :param executors: the smallest of the fastest sizes
    :param runtime_s: median runtime at that size, None if there is no forecast
    :param target_s: seconds the application may take
    :param overdue_s: see `Target`
    """

    executors: int
    runtime_s: float | None
    target_s: float
    overdue_s: float

    @property
    def late_s(self) -> float:
        """Seconds by which the application is expected to miss, at least."""
        return max((self.runtime_s or 0.0) - self.target_s, 0.0) + self.overdue_s

    def __str__(self) -> str:
        if self.runtime_s is None:
            return (
                f"no time is left for the application: expected to miss by more than "
                f"{self.late_s:.0f} s"
            )
        executors = f"{self.executors} executor{'' if self.executors == 1 else 's'}"
        return (
            f"expected to miss by {self.late_s:.0f} s; smallest feasible runtime target is "
            f"{ceil(self.runtime_s)} s at {executors} "
            f"(about {self.executors * self.runtime_s:.0f} executor-seconds)"
        )


def backed_forecast(
    forecast: Forecast | None, past_runs: Sequence[PastRun], bounds: Bounds
) -> Forecast | None:
    """The forecast of a run that has not begun, as far as past runs allow to rely on it.

    Runs at too few sizes say nothing about others: a forecast is the same at all of them then. What
    runs at the largest size took is known all the same.

    :return: None if past runs allow to say nothing
    """
    if _sizes_are_known(past_runs, bounds):
        return forecast
    taken = _runtimes_at_largest(past_runs, bounds)
    return Forecast("past runs", (bounds.maximum,), (median(taken),), (0.0,)) if taken else None


def largest_is_known(past_runs: Sequence[PastRun], bounds: Bounds) -> bool:
    """Whether past runs allow to rely on what is forecast for the largest size."""
    known = _sizes_are_known(past_runs, bounds)
    return known or bool(_runtimes_at_largest(past_runs, bounds))


def _sizes_are_known(past_runs: Sequence[PastRun], bounds: Bounds) -> bool:
    sizes = {run.initial_executors for run in past_runs}
    return len(sizes) >= min(SIZES, len(bounds.candidates))


def _runtimes_at_largest(past_runs: Sequence[PastRun], bounds: Bounds) -> list[float]:
    """Of the runs that were never smaller."""
    return [
        run.runtime_s
        for run in past_runs
        if min((run.initial_executors, *_requested(run))) >= bounds.maximum
    ]


def _requested(run: PastRun) -> list[int]:
    return [request.executors for request in run.requests]


def shortfall(
    forecast: Forecast | None, bounds: Bounds, target_s: float, overdue_s: float
) -> Shortfall | None:
    """How far a target is from what the fastest size is expected to take; None if it is met.

    :param forecast: see `backed_forecast`; without one only a target that is overdue cannot be met
    """
    if forecast is None:
        return Shortfall(bounds.maximum, None, target_s, overdue_s) if overdue_s else None
    least_s = min(forecast.median_s)
    if least_s <= target_s and not overdue_s:
        return None
    size = min(s for s in forecast.executors if forecast.median(s) <= SAME * least_s)
    return Shortfall(size, forecast.median(size), target_s, overdue_s)


def as_fast_as_possible(short: Shortfall) -> Policy:
    """A policy for the start of a run that cannot meet its target."""

    def propose(_: PolicyContext) -> Proposal:
        return Proposal(short.executors, f"as fast as possible, {short}")

    return Policy("as fast as possible", propose, needs_target=False)
