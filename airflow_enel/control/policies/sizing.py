"""Sizes read off a forecast: what deadline policies have in common."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_enel.control.policies.profiling import profiling
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress

SAME: Final = 0.001
"""Forecasts that differ by less at every size are the same at every size."""


def need_target(policy: str, target_s: float | None) -> float:
    """The target of a policy that cannot do without.

    :raises ValueError: if there is none
    """
    if target_s is None:
        raise ValueError(
            f"policy {policy!r} needs to know how long the run may take; "
            'set runtime_target, or policy="static"'
        )
    return target_s


def at_size(executors: int) -> str:
    """A size in the words of a reason."""
    return f"at {executors} executor{'' if executors == 1 else 's'}"


def fastest(forecast: Forecast, candidates: Iterable[int]) -> int:
    """The candidate with the least median, the smallest of equals."""
    return min(candidates, key=forecast.median)


def is_flat(forecast: Forecast) -> bool:
    """True if no size makes a difference: there is nothing to choose, or nothing is known."""
    return isclose(min(forecast.median_s), max(forecast.median_s), rel_tol=SAME)


def work(predicted_s: float, left_s: float) -> str:
    """What is left to do, and the time for it, in the words of a reason."""
    if left_s <= 0:
        return f"{predicted_s:.0f} s left of work, {-left_s:.0f} s past the target"
    return f"{predicted_s:.0f} s left of work for {left_s:.0f} s of time"


class SizedFromHistory:
    """What deadline policies start with."""

    name: ClassVar[str]
    needs_target: ClassVar[bool] = True

    def initial(
        self,
        forecast: Forecast | None,
        past_runs: Sequence[PastRun],
        target_s: float | None,
        bounds: Bounds,
        given: int | None,  # noqa: ARG002
        *,
        retry: bool = False,
    ) -> Proposal:
        """The smallest size in time, else the fastest; sizes to learn from at first."""
        needed_s = need_target(self.name, target_s)
        return initial_size(forecast, past_runs, needed_s, bounds, retry=retry)


class RescaledFromForecast(SizedFromHistory):
    """What policies that follow a forecast during the run have in common.

    Where the forecast is the same at every size (only the running component is left, or the
    components that run are unknown to the history) there is nothing to choose, and a smaller
    size would be a guess: the size is kept.
    """

    rescales: ClassVar[bool] = True

    def choose(
        self, forecast: Forecast, now: int, left_s: float
    ) -> tuple[list[int], list[int]] | None:
        """Sizes that may be taken, and those of them in time; None to keep the present one."""
        raise NotImplementedError

    def propose(
        self,
        forecast: Forecast | None,
        target_s: float | None,
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """The smallest size in time of those that may be taken, else the fastest of them."""
        left_s = need_target(self.name, target_s) - progress.elapsed_s
        now = bounds.clamp(progress.requested)
        if forecast is None:
            return Proposal(now, "there is no forecast yet")
        here = f"{at_size(now)} {work(forecast.median(now), left_s)}"
        if is_flat(forecast):
            return Proposal(now, f"{here}; no size would change that")
        chosen = self.choose(forecast, now, left_s)
        if chosen is None:
            return Proposal(now, f"{here}; that is close enough")
        allowed, in_time = chosen
        size = min(in_time) if in_time else fastest(forecast, allowed)
        return Proposal(
            size, f"{here}; {size} is the {'smallest that fits' if in_time else 'fastest'}"
        )


def initial_size(
    forecast: Forecast | None,
    past_runs: Sequence[PastRun],
    target_s: float,
    bounds: Bounds,
    *,
    retry: bool,
) -> Proposal:
    """The smallest size whose predicted total meets the target, else the fastest.

    While the past runs know too few sizes, one to learn from instead. Only a run that succeeds
    is a past run, so a size at which the application cannot run (too little memory) would be
    proposed to every retry again: those take the largest.
    """
    if (proposal := profiling(past_runs, target_s, bounds)) is not None:
        if retry:
            return Proposal(bounds.maximum, "a retry does not experiment")
        return proposal
    if forecast is None:
        return Proposal(bounds.maximum, "the past runs give no forecast, so the largest size")
    in_time = [s for s in forecast.executors if forecast.median(s) <= target_s]
    size = min(in_time) if in_time else fastest(forecast, forecast.executors)
    role = "the smallest that fits" if in_time else "the fastest, though too slow"
    return Proposal(
        size,
        f"{at_size(size)} {forecast.median(size):.0f} s of work for {target_s:.0f} s "
        f"of time; {size} is {role}",
    )
