"""Policy: a function that chooses a number of executors, and what the function needs.

A policy gets one argument, the `PolicyContext`, and keeps nothing between calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from airflow_enel.control.guards import DEFAULT_LIMITS, GUARDS, Guard, Limits
from airflow_enel.control.risk import DEFAULT_RISK

if TYPE_CHECKING:
    from airflow_enel.domain import (
        Bounds,
        ComponentForecast,
        Forecast,
        PastRun,
        Progress,
        Proposal,
    )


@dataclass(frozen=True, slots=True)
class StartContext:
    """What a policy may look at besides when it chooses the initial size.

    :param past_runs: past runs of the recurring job, oldest first
    :param given_executors: number of executors that the user has set, if any
    :param is_retry: True if an earlier try of this run has failed, so this is no time to experiment
    :param profile: True if the first runs may miss their targets to learn sooner
    """

    past_runs: tuple[PastRun, ...] = ()
    given_executors: int | None = None
    is_retry: bool = False
    profile: bool = False


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """What a policy may look at besides that plans executors component by component.

    :param components: still to come
    :param at_start: what the same forecaster said of the run before its start
    :param now: the present by the driver's clock, seconds since the epoch
    """

    components: ComponentForecast
    at_start: ComponentForecast
    now: float


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """What a policy may look at.

    :param forecast: remaining seconds per candidate, None without a model or a forecaster
    :param target_s: seconds the run may take from the application's start, None without a target
    :param start: what else is known before the application is submitted, None once it runs
    :param planning: for a policy that plans, None if its forecaster has no model or knows no
        components
    :param risk: probability to miss that the user accepts, 0…1
    """

    forecast: Forecast | None
    target_s: float | None
    progress: Progress
    bounds: Bounds
    start: StartContext | None = None
    planning: PlanningContext | None = None
    risk: float = DEFAULT_RISK

    @property
    def time_left_s(self) -> float:
        """Seconds until the target, negative once it is missed, infinite without a target."""
        return inf if self.target_s is None else self.target_s - self.progress.elapsed_s


@dataclass(frozen=True, slots=True)
class Policy:
    """How executors are chosen; guards check each proposal.

    :param name: what error messages call it
    :param propose: returns the initial size, or the size from the present barrier on
    :param forecaster: name of the forecaster that it needs, see
        :mod:`airflow_enel.predict.registry`; None for one that needs no forecast
    :param rescales: False if the initial size is never changed, so that it is not asked again
    :param needs_target: True if it cannot work without a target, so that one is asked for before
        any run
    :param plans: True if it reads the forecast of each component
    :param guards: check each of its proposals, in this order
    :param limits: of these guards
    """

    name: str
    propose: Callable[[PolicyContext], Proposal]
    forecaster: str | None = None
    rescales: bool = True
    needs_target: bool = True
    plans: bool = False
    guards: tuple[Guard, ...] = GUARDS
    limits: Limits = DEFAULT_LIMITS

    def check_target(self, target: object) -> None:
        """Refuse to work without a target where one is needed.

        :param target: None if there is none
        :raises ValueError: says what to set
        """
        if self.needs_target and target is None:
            raise ValueError(
                f"policy {self.name!r} needs to know how long the run may take; "
                "set deadline, or deadline=DeadlineAlert(…) of the DAG, or "
                'set runtime_target, or policy="utilization" or "static"'
            )
