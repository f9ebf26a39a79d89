"""A size corrected during the run, from the components still to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_enel.control.policies.sizing import RescaledFromForecast

if TYPE_CHECKING:
    from airflow_enel.domain import Forecast
    from airflow_enel.predict import Ellis

UP_ABOVE: Final = 1.05
DOWN_BELOW: Final = 0.85
AIM_BELOW: Final = 0.9
"""Shares of the time left that the predicted remaining time is compared with."""


@dataclass(frozen=True, slots=True)
class EllisPolicy(RescaledFromForecast):
    """Ellis' rule, corrected: it asks for the size it has chosen, and down means down.

    Predicted > 1.05 × time left: up; < 0.85 × time left: down; each to the smallest size
    predicted < 0.9 × time left, else the fastest. Up is never fewer and down never more than
    now.
    Source: Thamsen et al., "Ellis: Dynamically Scaling Distributed Dataflows to Meet Runtime
    Targets", CloudCom 2017.
    """

    name: ClassVar[str] = "ellis"

    def forecaster(self) -> Ellis:
        """A curve per component."""
        from airflow_enel.predict import Ellis  # noqa: PLC0415 - DAG files import policies

        return Ellis()

    def choose(
        self, forecast: Forecast, now: int, left_s: float
    ) -> tuple[list[int], list[int]] | None:
        """Up, down or keep, by the remaining time predicted at the present size."""
        if forecast.median(now) > UP_ABOVE * left_s:
            allowed = [s for s in forecast.executors if s >= now]
        elif forecast.median(now) < DOWN_BELOW * left_s:
            allowed = [s for s in forecast.executors if s <= now]
        else:
            return None
        return allowed, [s for s in allowed if forecast.median(s) < AIM_BELOW * left_s]
