"""What guards are, and the two that hold for every policy: freshness and bounds.

A guard that objects returns another number of executors with a reason, which the decision keeps.
Each guard gets the number as the guards before it left it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_enel.domain import NO_SWITCHES, GuardNote
from airflow_enel.domain.changes import changes_of

if TYPE_CHECKING:
    from airflow_enel.domain import Bounds, Forecast, Plant, Progress, Switches
    from airflow_enel.domain.changes import Change


@dataclass(frozen=True, slots=True)
class Limits:
    """How far and how often a policy may change the number of executors.

    A change is an accepted request for another number than the one before it; it reverses the
    change before it if one of them asks for more and the other for fewer.

    :param step_factor: by which the number may grow or shrink in one decision
    :param step_executors: change in one decision that is allowed whatever the factor
    :param cool_down: time between two changes, in pauses of the first of them
    :param reversals: per run, unless the target is at risk
    :param changes: per run, the last of them for growth
    :param patience_s: time after which executors that were asked for no longer count on their
        way, but not less than ``patience_delays`` usual delays
    :param cap_s: how long what came of them stays a cap once fewer have been asked for
    :param cache_share: of an executor's storage memory that cached data may take
    """

    step_factor: float = 4.0
    step_executors: int = 32
    cool_down: float = 3.0
    reversals: int = 1
    changes: int = 20
    patience_s: float = 180.0
    patience_delays: float = 3.0
    cap_s: float = 600.0
    cache_share: float = 0.8


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class GuardContext:
    """What a guard may look at.

    :param max_age_s: age up to which a reading counts as fresh
    :param now: the present by the driver's clock, seconds since the epoch
    :param plant: what changes take, learned from the history
    :param risk: probability to miss that the user accepts, 0…1
    """

    progress: Progress
    forecast: Forecast | None
    target_s: float | None
    bounds: Bounds
    max_age_s: float
    now: float
    plant: Plant
    risk: float
    limits: Limits = DEFAULT_LIMITS
    switches: Switches = NO_SWITCHES

    @property
    def fresh(self) -> bool:
        """True if the reading is young enough, and nothing was lost on its way."""
        return is_fresh(self.progress, self.max_age_s)

    @cached_property
    def changes(self) -> list[Change]:
        """Changes of the number of executors so far, oldest first."""
        return changes_of(self.progress.initial, self.progress.requests)

    @cached_property
    def at_risk(self) -> bool:
        """True if the run is likelier to miss its target than the user accepts if it is kept."""
        miss = self.miss_probability(self.progress.requested)
        return miss is not None and miss > self.risk

    def urgent(self, executors: int) -> bool:
        """True for more executors for a run whose target is at risk."""
        return executors > self.progress.requested and self.at_risk

    def miss_probability(self, executors: int) -> float | None:
        """Probability to miss the target at a scale-out; None without target or forecast."""
        if self.target_s is None or self.forecast is None:
            return None
        if executors not in self.forecast.executors:
            return None
        return self.forecast.miss_probability(executors, self.target_s - self.progress.elapsed_s)

    def expected_s(self, executors: int) -> float | None:
        """Median seconds until the end at a scale-out; None without a forecast for it."""
        if self.forecast is None or executors not in self.forecast.executors:
            return None
        return self.forecast.median(executors)


Guard: TypeAlias = Callable[[int, GuardContext], GuardNote | None]
"""Takes a number of executors; None if it may pass."""


def is_fresh(progress: Progress, max_age_s: float) -> bool:
    """Whether a reading is young enough, and nothing was lost on its way."""
    return progress.complete and progress.age_s <= max_age_s


def freshness(executors: int, context: GuardContext) -> GuardNote | None:
    """Change nothing on a reading that is old or has holes."""
    requested = context.progress.requested
    if context.fresh or executors == requested:
        return None
    return GuardNote("freshness", requested, "no fresh reading")


def within_bounds(executors: int, context: GuardContext) -> GuardNote | None:
    """Stay within what the user allows."""
    bounds = context.bounds
    allowed = bounds.clamp(executors)
    if allowed == executors:
        return None
    return GuardNote("bounds", allowed, f"{bounds.minimum} to {bounds.maximum} are allowed")
