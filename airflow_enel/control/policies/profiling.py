"""Initial sizes of a job's first runs, from which forecasters learn what sizes do."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import Bounds, PastRun

SIZES: Final = 3
"""Distinct initial sizes from which on a model decides."""
SAFE: Final = 0.85
"""Of the target, that a run at a new size takes at most if its work divides perfectly."""

_LARGEST_FIRST: Final = "the largest size has not been tried yet"


def careful_size(past_runs: Sequence[PastRun], target_s: float, bounds: Bounds) -> Proposal | None:
    """The maximum, then smaller sizes that meet the target even if all work divides perfectly.

    Where none does, the smallest one that has always met the target: what a model says of sizes
    that differ from all it has seen would be a guess.

    :return: None if enough sizes were tried
    """
    tried = {run.initial_executors for run in past_runs}
    if len(tried) >= min(SIZES, len(bounds.candidates)):
        return None
    if not past_runs:
        return Proposal(bounds.maximum, _LARGEST_FIRST)
    needed = ceil(max(r.runtime_s * r.mean_executors for r in past_runs) / (SAFE * target_s))
    safe = [s for s in bounds.candidates if s >= needed and s < min(tried)]
    if safe:
        reason = "not tried yet, and in time even if all work divides perfectly"
        return Proposal(min(safe), reason)
    late = {run.initial_executors for run in past_runs if run.runtime_s > target_s}
    met = [bounds.clamp(size) for size in tried - late]
    if met:
        return Proposal(min(met), "the smallest that has met the target so far")
    return Proposal(bounds.maximum, "no size has met the target so far, so the largest")


def profiling(past_runs: Sequence[PastRun], target_s: float, bounds: Bounds) -> Proposal | None:
    """Maximum, then half, then a quarter if half was in time, else three quarters.

    Shares are of the maximum, rounded up, within the bounds; a size that was tried gives way to
    the nearest that was not. What counts is which sizes the past runs started with, not how many
    runs there are: ten runs at one size say nothing about another.

    :return: None if enough sizes were tried
    """
    tried = {run.initial_executors for run in past_runs}
    untried = [s for s in bounds.candidates if s not in tried]
    if len(tried) >= min(SIZES, len(bounds.candidates)) or not untried:
        return None
    half = bounds.clamp(ceil(bounds.maximum / 2))
    if bounds.maximum not in tried:
        return Proposal(bounds.maximum, _LARGEST_FIRST)
    if half not in tried:
        return Proposal(half, "half the largest size has not been tried yet")
    latest = max((r for r in past_runs if r.initial_executors == half), key=lambda r: r.started_at)
    met = latest.runtime_s <= target_s
    wanted = bounds.clamp(ceil(bounds.maximum * (0.25 if met else 0.75)))
    size = min(untried, key=lambda s: (abs(s - wanted), -s))
    return Proposal(
        size, f"half the largest size {'met' if met else 'missed'} the target, so one to compare"
    )
