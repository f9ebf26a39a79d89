"""The size the user gives, for the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress


@dataclass(frozen=True, slots=True)
class StaticPolicy:
    """Starts with the given number of executors, else the maximum, and keeps it."""

    name: ClassVar[str] = "static"
    rescales: ClassVar[bool] = False
    needs_target: ClassVar[bool] = False

    def forecaster(self) -> None:
        """None: it needs no forecast."""

    def initial(
        self,
        forecast: Forecast | None,  # noqa: ARG002
        past_runs: Sequence[PastRun],  # noqa: ARG002
        target_s: float | None,  # noqa: ARG002
        bounds: Bounds,
        given: int | None,
        *,
        retry: bool = False,  # noqa: ARG002
    ) -> Proposal:
        """What is given, else the maximum."""
        if given is None:
            return Proposal(bounds.maximum, "no num_executors given, so the largest size")
        return Proposal(given, "as given by num_executors")

    def propose(
        self,
        forecast: Forecast | None,  # noqa: ARG002
        target_s: float | None,  # noqa: ARG002
        progress: Progress,
        bounds: Bounds,  # noqa: ARG002
    ) -> Proposal:
        """What there is."""
        return Proposal(progress.requested, "a static size stays")
