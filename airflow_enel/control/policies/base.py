"""What a policy is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress, Proposal
    from airflow_enel.predict import Forecaster


class Policy(Protocol):
    """Chooses a number of executors; guards have the last word. It keeps nothing between calls."""

    @property
    def name(self) -> str:
        """What users write on the operator."""

    @property
    def rescales(self) -> bool:
        """False if the initial size is never changed, so that nobody needs to ask."""

    @property
    def needs_target(self) -> bool:
        """True if it cannot do without a target, so that one is asked for before any run."""

    def forecaster(self) -> Forecaster | None:
        """A new forecaster, to be fitted on the past runs; None if it needs none."""

    def initial(
        self,
        forecast: Forecast | None,
        past_runs: Sequence[PastRun],
        target_s: float | None,
        bounds: Bounds,
        given: int | None,
        *,
        retry: bool = False,
    ) -> Proposal:
        """Size to start with.

        :param forecast: total seconds per candidate, None without a model
        :param given: number of executors the user has set, if any
        :param retry: an earlier try of this run has failed, so this is no time to experiment
        :raises ValueError: if the policy needs a target and there is none
        """

    def propose(
        self,
        forecast: Forecast | None,
        target_s: float | None,
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """Size from this barrier on.

        :param forecast: remaining seconds per candidate, None without a model
        :raises ValueError: if the policy needs a target and there is none
        """
