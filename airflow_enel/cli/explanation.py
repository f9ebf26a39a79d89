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
class StartForecast:
    """What was expected before the start, at the size that was chosen.

    :param error: (expected − actual) / actual runtime, None as long as that is not known
    """

    executors: int
    median_s: float
    low_s: float
    high_s: float
    error: float | None


@dataclass(frozen=True, slots=True)
class ExplainedRun:
    """A run with its decisions, in their order, and how it ended."""

    row: RunRow
    decisions: tuple[ExplainedDecision, ...]
    start_forecast: StartForecast | None


def explained(row: RunRow, decisions: Sequence[DecisionRow]) -> ExplainedRun:
    """Explain a run.

    :param decisions: by epoch
    """
    target_s = row.run.runtime_target_s
    found = tuple(
        _decision(decision, later, target_s)
        for decision, later in zip_longest(decisions, decisions[1:])
    )
    return ExplainedRun(row, found, _start_forecast(row, found))


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
        forecaster=None if forecast is None else forecast.forecaster,
        notes=() if forecast is None else forecast.notes,
        alternatives=rows,
        guards=decision.guards,
        status=row.status,
        answer=row.answer,
        executors_later=None if later is None else later.step.progress.executors,
    )


def _start_forecast(row: RunRow, decisions: tuple[ExplainedDecision, ...]) -> StartForecast | None:
    first = next((d for d in decisions if d.epoch == 0), None)
    if first is None:
        return None
    at = next((a for a in first.alternatives if a.executors == first.executors), None)
    if at is None:
        return None
    runtime_s = None if row.outcome is None else row.outcome.runtime_s
    error = at.median_s / runtime_s - 1 if runtime_s else None
    return StartForecast(at.executors, at.median_s, at.low_s, at.high_s, error)
