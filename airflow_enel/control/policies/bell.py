"""A size chosen once, from the total runtimes of past runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_enel.control.policies.sizing import SizedFromHistory
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.domain import Bounds, Forecast, Progress
    from airflow_enel.predict import BellRuntime


@dataclass(frozen=True, slots=True)
class BellPolicy(SizedFromHistory):
    """Starts with the smallest size that Bell predicts to meet the target, and keeps it."""

    name: ClassVar[str] = "bell"
    rescales: ClassVar[bool] = False

    def forecaster(self) -> BellRuntime:
        """Bell on total runtimes."""
        from airflow_enel.predict import BellRuntime  # noqa: PLC0415 - DAG files import policies

        return BellRuntime()

    def propose(
        self,
        forecast: Forecast | None,  # noqa: ARG002
        target_s: float | None,  # noqa: ARG002
        progress: Progress,
        bounds: Bounds,  # noqa: ARG002
    ) -> Proposal:
        """What there is."""
        return Proposal(progress.requested, "chosen once, before the start")
