"""A run and its decisions as ``airflow enel explain`` shows them, from what the history keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from airflow_enel.cli.alternatives import Alternative, alternatives, handful
from airflow_enel.domain import GuardNote, ScaleAnswer
from airflow_enel.history.interface import DecisionRow, DecisionStatus, RunRow


@dataclass(frozen=True, slots=True)
class ExplainedDecision:
    """A decision, what it was made from and what became of it.

    :param elapsed_s: since the application's start, 0 before it
    :param finished: number of finished components
    :param executors_before: that had been asked for, 0 before the start
    :param proposed: by the policy, before guards
    :param expected_s: until the end of the run
    :param notes: of the forecaster
    :param executors_later: that took tasks at the next decision, None for the last one
    """

    epoch: int
    try_number: int
    decided_at: float
    elapsed_s: float
    finished: int
    executors_before: int
    proposed: int
    executors: int
    reason: str
    miss_probability: float | None
    expected_s: float | None
    forecaster: str | None
    notes: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    guards: tuple[GuardNote, ...]
    status: DecisionStatus
    answer: ScaleAnswer | None
    executors_later: int | None

    @property
    def is_quiet(self) -> bool:
        """True if nothing was changed, neither by policy nor by guards."""
        return self.epoch > 0 and not self.guards and self.executors == self.executors_before


@dataclass(frozen=True, slots=True)
class ExplainedRun:
    """A run with its decisions, in their order, and how it ended.

    :param expected_s: runtime that was expected before the start, None if that is not known
    """

    row: RunRow
    decisions: tuple[ExplainedDecision, ...]
    expected_s: float | None

    @property
    def forecast_error(self) -> float | None:
        """(expected before the start − actual) / actual runtime, None if one is not known."""
        runtime_s = None if self.row.outcome is None else self.row.outcome.runtime_s
        return self.expected_s / runtime_s - 1 if runtime_s and self.expected_s else None


def explained(row: RunRow, decisions: Sequence[DecisionRow]) -> ExplainedRun:
    """Explain a run.

    :param decisions: by epoch
    """
    target_s = row.run.runtime_target_s
    found = tuple(
        _decision(decision, later, target_s)
        for decision, later in zip_longest(decisions, decisions[1:])
    )
    expected_s = next((decision.expected_s for decision in found if decision.epoch == 0), None)
    return ExplainedRun(row, found, expected_s)


def _decision(
    row: DecisionRow, later: DecisionRow | None, target_s: float | None
) -> ExplainedDecision:
    decision, forecast = row.step.decision, row.step.forecast
    chosen = {decision.executors_before, decision.proposal.executors, decision.executors}
    elapsed_s = row.step.progress.elapsed_s
    rows: tuple[Alternative, ...] = ()
    if forecast is not None:
        sizes = handful(forecast.executors, chosen)
        rows = alternatives(forecast, sizes, elapsed_s, target_s)
    return ExplainedDecision(
        epoch=decision.epoch,
        try_number=decision.try_number,
        decided_at=decision.decided_at,
        elapsed_s=elapsed_s,
        finished=len(row.finished),
        executors_before=decision.executors_before,
        proposed=decision.proposal.executors,
        executors=decision.executors,
        reason=decision.reason,
        miss_probability=decision.miss_probability,
        expected_s=decision.expected_s,
        forecaster=None if forecast is None else forecast.forecaster,
        notes=() if forecast is None else forecast.notes,
        alternatives=rows,
        guards=decision.guards,
        status=row.status,
        answer=row.answer,
        executors_later=None if later is None else later.step.progress.executors,
    )
