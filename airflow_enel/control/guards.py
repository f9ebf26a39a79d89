"""Guards: checks that can change a proposal before it becomes a decision.

A guard that objects returns another number of executors with a reason, which the decision keeps.
Each guard gets the number as the guards before it left it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index
from typing import Final, TypeAlias

from airflow_enel.domain import Bounds, Decision, Forecast, GuardNote, Progress, Proposal


@dataclass(frozen=True, slots=True)
class GuardContext:
    """Arguments of a guard.

    :param max_age_s: age up to which a reading counts as fresh
    """

    progress: Progress
    forecast: Forecast | None
    target_s: float | None
    bounds: Bounds
    max_age_s: float

    @property
    def fresh(self) -> bool:
        """True if the reading is young enough, and nothing was lost on its way."""
        return self.progress.complete and self.progress.age_s <= self.max_age_s

    def miss_probability(self, executors: int) -> float | None:
        """Probability to miss the target at a scale-out; None without target or forecast."""
        if self.target_s is None or self.forecast is None:
            return None
        if executors not in self.forecast.executors:
            return None
        return self.forecast.miss_probability(executors, self.target_s - self.progress.elapsed_s)


Guard: TypeAlias = Callable[[int, GuardContext], GuardNote | None]
"""Takes a number of executors; None if it may pass."""


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


BASELINE_GUARDS: Final[tuple[Guard, ...]] = (freshness, within_bounds)


def apply_guards(
    guards: Sequence[Guard],
    proposal: Proposal,
    context: GuardContext,
    *,
    try_number: int,
    now: float,
) -> Decision:
    """Turn a proposal into a decision for the present epoch.

    :raises TypeError: if the proposal is not a whole number
    """
    executors = index(proposal.executors)  # also what makes an int of a NumPy integer
    notes = []
    # The bounds come last whatever the list says: they are a promise, not a preference.
    for guard in (*guards, within_bounds):
        note = guard(executors, context)
        if note is not None and note.executors != executors:
            executors = note.executors
            notes.append(note)
    progress = context.progress
    return Decision(
        epoch=progress.epoch,
        try_number=try_number,
        decided_at=now,
        executors_before=progress.requested if progress.epoch else progress.executors,
        executors=executors,
        miss_probability=context.miss_probability(executors),
        proposal=Proposal(index(proposal.executors), proposal.reason),
        guards=tuple(notes),
    )
