"""A size corrected during the run, from the components still to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_enel.control.policies.sizing import (
    SizedFromHistory,
    at_size,
    fastest,
    is_flat,
    need_target,
    work,
)
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.domain import Bounds, Forecast, Progress
    from airflow_enel.predict import Ellis

UP_ABOVE: Final = 1.05
DOWN_BELOW: Final = 0.85
AIM_BELOW: Final = 0.9
"""Shares of the time left that the predicted remaining time is compared with."""


@dataclass(frozen=True, slots=True)
class EllisPolicy(SizedFromHistory):
    """Ellis' rule, corrected: it asks for the size it has chosen, and down means down.

    Predicted > 1.05 × time left: up; < 0.85 × time left: down; each to the smallest size
    predicted < 0.9 × time left, else the fastest. Up is never fewer and down never more than
    now. Where the forecast is the same at every size (only the running component is left, or
    the components that run are unknown to the history) there is nothing to choose, and scaling
    down would be a guess: the size is kept.
    Source: Thamsen et al., "Ellis: Dynamically Scaling Distributed Dataflows to Meet Runtime
    Targets", CloudCom 2017.
    """

    name: ClassVar[str] = "ellis"
    rescales: ClassVar[bool] = True

    def forecaster(self) -> Ellis:
        """A curve per component."""
        from airflow_enel.predict import Ellis  # noqa: PLC0415 - DAG files import policies

        return Ellis()

    def propose(
        self,
        forecast: Forecast | None,
        target_s: float | None,
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """Up, down or keep, by the remaining time predicted at the present size."""
        left_s = need_target(self.name, target_s) - progress.elapsed_s
        now = bounds.clamp(progress.requested)
        if forecast is None:
            return Proposal(now, "there is no forecast yet")
        here = f"{at_size(now)} {work(forecast.median(now), left_s)}"
        if is_flat(forecast):
            return Proposal(now, f"{here}; no size would change that")
        if forecast.median(now) > UP_ABOVE * left_s:
            allowed = [s for s in forecast.executors if s >= now]
        elif forecast.median(now) < DOWN_BELOW * left_s:
            allowed = [s for s in forecast.executors if s <= now]
        else:
            return Proposal(now, f"{here}; that is close enough")
        in_time = [s for s in allowed if forecast.median(s) < AIM_BELOW * left_s]
        size = min(in_time) if in_time else fastest(forecast, allowed)
        return Proposal(
            size, f"{here}; {size} is the {'smallest that fits' if in_time else 'fastest'}"
        )
