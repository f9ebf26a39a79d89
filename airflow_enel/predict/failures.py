"""Learns from past runs how likely executors are lost and what that costs, for planners."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import FailureRegime
from airflow_enel.predict.pauses import changes_of
from airflow_enel.predict.plant import ENOUGH_COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import PastRun, Progress
    from airflow_enel.predict.deviations import Deviations
    from airflow_enel.predict.samples import FloatArray, IndexArray

USUAL_STALL_S: Final = 25.0
"""Per loss, before any was seen (planning with the calibrated simulator)."""
USUAL_INTERVAL_S: Final = 90.0
"""Between two losses in a failing phase, likewise: the experiments of the Enel paper."""
CAPACITIES_LOST: Final = (0.0, 1.0, 2.0)
"""Executors that a loss may take for good."""

_STALLS = 4.0  # usual ones, as if they had been seen
_BEGINS, _OF_CALM = 0.1, 2.0  # failing runs after so many without losses, as if seen
_LASTS, _OF_FAILING = 1.0, 2.0  # the same after failing ones
_DEGREES = 4.0  # of freedom of Student's t, which outliers do not impress
_AGREEING = 2 / 3  # of the runs must say the same, and two at least
_TWO_RUNS = 2


@dataclass(frozen=True, slots=True)
class FailureModel:
    """Losses of executors come in phases of consecutive runs (a two-state Markov chain).

    :param prior: probability that the next run is in a failing phase
    :param loss_rate: losses per second in failing runs
    :param stall_s: mean seconds that a loss costs the running component
    :param stall_square: mean of their squares
    :param capacity_lost: see `FailureRegime`
    """

    prior: float
    loss_rate: float
    stall_s: float
    stall_square: float
    capacity_lost: float

    @classmethod
    def of(cls, deviations: Deviations) -> Self:
        """Learn from past runs of one recurring job, each number with pseudo-counts.

        Runs with losses are failing ones. A stall is the excess over curve and level of the run
        of a component in which an executor went unasked, divided by the losses in it. Capacity is
        taken for lost only if at least :data:`~airflow_enel.predict.plant.ENOUGH_COMPONENTS`
        components after losses, in at least two runs that agree, are more probable at a size
        without it.
        """
        failing = [run for run in deviations.runs if run.executors_lost]
        lost = sum(run.executors_lost for run in failing)
        seconds = sum(run.runtime_s for run in failing)
        losses = [_Losses.of(row, run, deviations) for row, run in enumerate(deviations.runs)]
        hit = [of_run for of_run in losses if of_run.columns.size]
        stall_s, stall_square = _stalls(hit, deviations)
        return cls(
            prior=_prior([run.executors_lost > 0 for run in deviations.runs]),
            loss_rate=(lost + 1) / (seconds + USUAL_INTERVAL_S),
            stall_s=stall_s,
            stall_square=stall_square,
            capacity_lost=_capacity_lost(hit, deviations),
        )

    def at(self, progress: Progress) -> FailureRegime:
        """What is to be expected of the rest of a run.

        A run that has gone on for long without a loss is less likely a failing one (Bayes).
        """
        failing = 1.0
        if not progress.lost:
            unharmed = self.prior * exp(-self.loss_rate * max(progress.elapsed_s, 0.0))
            failing = unharmed / (unharmed + 1.0 - self.prior)
        return FailureRegime(
            failing, self.loss_rate, self.stall_s, self.stall_square, self.capacity_lost
        )


@dataclass(frozen=True, slots=True)
class _Losses:
    """Components of a past run in which executors went unasked, in order, ``(k,)`` each.

    :param count: estimated losses in each, at least 1
    """

    row: int
    columns: IndexArray
    count: FloatArray

    @classmethod
    def of(cls, row: int, run: PastRun, deviations: Deviations) -> Self:
        """Find them; a release that was asked for is none."""
        if not run.executors_lost:
            return cls(row, np.zeros(0, dtype=np.intp), np.zeros(0))
        asked = [c for c in changes_of(run.initial_executors, run.requests) if c.after < c.before]
        columns = []
        for component in sorted(run.components, key=lambda c: (c.finished_at or 0.0, c.position)):
            column, size = deviations.past.column(component), component.scale_out
            finished_at = component.finished_at or component.started_at
            went = component.disturbed and (size.end < size.start or size.mean < size.start)
            wanted = any(component.started_at < change.at <= finished_at for change in asked)
            if column is not None and went and not wanted:
                columns.append(column)
        found = np.array(columns, dtype=np.intp)
        added_s = np.nan_to_num(deviations.past.added_s[row, found])
        part = added_s / max(added_s.sum(), 1e-9)
        return cls(row, found, np.maximum(run.executors_lost * part, 1.0))


def _prior(failing: Sequence[bool]) -> float:
    """Probability that the next run is a failing one, by what followed runs like the last."""
    last = bool(failing) and failing[-1]
    after = [now for before, now in pairwise(failing) if before == last]
    seen, of = (_LASTS, _OF_FAILING) if last else (_BEGINS, _OF_CALM)
    return (sum(after) + seen) / (len(after) + of)


def _stalls(hit: Sequence[_Losses], deviations: Deviations) -> tuple[float, float]:
    """Mean seconds of a stall, and mean of their squares.

    A long component, whose own noise drowns a stall, says little.
    """
    total, mean, square = _STALLS, _STALLS * USUAL_STALL_S, _STALLS * USUAL_STALL_S**2
    for losses in hit:
        row, columns = losses.row, losses.columns
        expected_s = deviations.expected_s[row, columns]
        excess_s = np.expm1(deviations.off[row, columns]) * expected_s
        noise_s = deviations.log_sd[columns] * expected_s
        stall_s = excess_s / losses.count
        weight = losses.count / (1.0 + (noise_s / (losses.count * USUAL_STALL_S)) ** 2)
        known = np.isfinite(stall_s)
        weight, stall_s = weight[known], np.maximum(stall_s[known], 0.0)
        total += weight.sum()
        mean += float(weight @ stall_s)
        square += float(weight @ stall_s**2)
    return float(mean / total), float(square / total)


def _capacity_lost(hit: Sequence[_Losses], deviations: Deviations) -> float:
    """The loss of capacity under which what followed losses is most probable."""
    gains = [gain for losses in hit if (gain := _gain(losses, deviations)) is not None]
    told = sum(count for _, count in gains)
    if told < ENOUGH_COMPONENTS or len(gains) < _TWO_RUNS:
        return 0.0
    by_run = np.array([gain for gain, _ in gains])
    best = int(by_run.sum(axis=0).argmax())
    agreeing = int((by_run[:, best] > 0).sum())
    sure = agreeing >= max(_AGREEING * len(gains), _TWO_RUNS)
    return CAPACITIES_LOST[best] if sure else 0.0


def _gain(losses: _Losses, deviations: Deviations) -> tuple[FloatArray, int] | None:
    """Log likelihood of each loss of capacity less that of none, and components that tell."""
    past, row = deviations.past, losses.row
    ended = past.ended[row]
    lost = (losses.count[:, None] * (ended[losses.columns, None] < ended[None, :])).sum(axis=0)
    settled = past.clean[row] & (past.executors[row] <= past.began[row] + 0.5)
    columns = np.flatnonzero(settled & (lost > 0))
    if not columns.size:
        return None
    size, lost = past.executors[row, columns], lost[columns]
    usual = deviations.curve(columns, size)
    slower = np.stack([deviations.curve(columns, size - c * lost) for c in CAPACITIES_LOST])
    slower = slower - usual
    some_left = size - CAPACITIES_LOST[-1] * lost >= 1
    telling = some_left & deviations.telling(columns, slower[-1])
    if not telling.any():
        return None
    off = (deviations.off[row, columns] - slower)[:, telling]
    square = (off / deviations.log_sd[columns[telling]]) ** 2
    likelihood = -0.5 * (_DEGREES + 1.0) * np.log1p(square / _DEGREES).sum(axis=1)
    return likelihood - likelihood[0], int(telling.sum())
