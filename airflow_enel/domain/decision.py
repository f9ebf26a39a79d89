"""Decision types: proposal, guard notes, decision, step, and the agent's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_enel.domain.forecast import Forecast
from airflow_enel.domain.progress import Progress
from airflow_enel.domain.wire import STRICT


@dataclass(frozen=True, slots=True)
class Proposal:
    """The number of executors that a policy chooses, with a reason for people."""

    __pydantic_config__: ClassVar = STRICT

    executors: int
    reason: str


@dataclass(frozen=True, slots=True)
class GuardNote:
    """A guard changed a proposal to ``executors``."""

    __pydantic_config__: ClassVar = STRICT

    guard: str
    executors: int
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The number of executors for a run from an epoch on.

    Epoch 0 is the initial size; later ones number the barriers of the run. ``expected_s`` is how
    long the run is expected to take from this moment on, by the plan of a policy that has one, else
    if the number stays; None if that is not known, and in decisions of versions that did not say.
    """

    __pydantic_config__: ClassVar = STRICT

    epoch: int
    try_number: int
    decided_at: float
    executors_before: int
    executors: int
    miss_probability: float | None
    proposal: Proposal
    guards: tuple[GuardNote, ...]
    expected_s: float | None = None

    @property
    def changes(self) -> bool:
        """True if it asks for another number of executors than before."""
        return self.executors != self.executors_before

    @property
    def reason(self) -> str:
        """One plain sentence."""
        if self.epoch == 0:
            change = f"start with {self.executors}"
        elif not self.changes:
            change = f"keep {self.executors}"
        else:
            change = f"scale {self.executors_before} → {self.executors}"
        notes = "".join(f"; {note.guard}: {note.reason}" for note in self.guards)
        return f"{change}: {self.proposal.reason}{notes}"


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of the decision step: progress, forecast and decision."""

    __pydantic_config__: ClassVar = STRICT

    progress: Progress
    forecast: Forecast | None
    decision: Decision


@dataclass(frozen=True, slots=True)
class ScaleAnswer:
    """The agent's answer to a request; ``executors`` are those registered at that moment."""

    __pydantic_config__: ClassVar = STRICT

    accepted: bool
    executors: int
    message: str
