"""Learns from past runs how likely executors are lost and what that costs, for planners."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import FailureRegime
from airflow_enel.domain.changes import changes_of
from airflow_enel.predict.deviations import TELLING, surely_most_probable
from airflow_enel.predict.plant import ENOUGH_COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import PastRun, Progress
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.deviations import Deviations
    from airflow_enel.predict.samples import FloatArray, IndexArray

USUAL_STALL_S: Final = 25.0
"""Per loss, before any was seen (planning with the calibrated simulator)."""
USUAL_INTERVAL_S: Final = 90.0
"""Between two losses in a failing phase, likewise: the experiments of the Enel paper."""
CAPACITIES_LOST: Final = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Executors that a loss may take for good."""

_STALLS = 4.0  # usual ones, as if they had been seen
_BEGINS, _OF_CALM = 0.1, 2.0  # failing runs after so many without losses, as if seen
_LASTS, _OF_FAILING = 1.0, 2.0  # the same after failing ones


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
    def of(cls, deviations: Deviations, growth_gain: float) -> Self:
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
        losses = [
            _Losses.of(row, run, deviations)
            for row, run in enumerate(deviations.runs)
            if run.executors_lost
        ]
        hit = [of_run for of_run in losses if of_run.columns.size]
        capacity_lost = _capacity_lost(hit, deviations, growth_gain)
        stall_s, stall_square = _stalls(hit, deviations, growth_gain, capacity_lost)
        return cls(
            prior=_prior([run.executors_lost > 0 for run in deviations.runs]),
            loss_rate=(lost + 1) / (seconds + USUAL_INTERVAL_S),
            stall_s=stall_s,
            stall_square=stall_square,
            capacity_lost=capacity_lost,
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
    """Losses in a past run.

    :param columns: components in which executors went unasked, in order, ``(k,)``
    :param own: estimated losses in each component, ``(m,)``
    :param lost: before the middle of it, if it is settled or has some of its own, else 0, ``(m,)``
    """

    row: int
    columns: IndexArray
    own: FloatArray
    lost: FloatArray

    @classmethod
    def of(cls, row: int, run: PastRun, deviations: Deviations) -> Self:
        """Find them; a release that was asked for is none."""
        past = deviations.past
        found = np.array(list(_hit(run, past)), dtype=np.intp)
        added_s = np.nan_to_num(past.added_s[row, found])
        part = added_s / max(added_s.sum(), 1e-9)
        own = np.zeros(len(past.columns))
        own[found] = np.maximum(run.executors_lost * part, 1.0)
        ended = past.ended[row]
        lost = (own[found, None] * (ended[found, None] < ended)).sum(axis=0) + own / 2
        return cls(row, found, own, np.where(past.settled()[row] | (own > 0), lost, 0.0))

    def log_seconds(
        self,
        columns: IndexArray,
        capacities: Sequence[float],
        deviations: Deviations,
        growth_gain: float,
    ) -> FloatArray:
        """Log seconds of components without stalls, if each loss takes so much: ``(h, k)``.

        :param capacities: executors that a loss takes for good, ``(h,)``
        """
        past = deviations.past
        size = past.executors[self.row, columns]
        first = np.minimum(size, past.first[self.row])
        curve, lost = deviations.curve, self.lost[columns]
        short = (1 - growth_gain) * (curve(columns, first) - curve(columns, size))
        worth = [np.maximum(size - capacity * lost, 1.0) for capacity in capacities]
        return np.stack([curve(columns, executors) for executors in worth]) + short


def _hit(run: PastRun, past: Alignment) -> Iterator[int]:
    """Columns of components in which executors went unasked, in the order of their finish."""
    asked = [c for c in changes_of(run.initial_executors, run.requests) if c.after < c.before]
    for component in sorted(run.components, key=lambda c: (c.finished_at or 0.0, c.position)):
        column, size = past.column(component), component.scale_out
        finished_at = component.finished_at or component.started_at
        went = component.disturbed and (size.end < size.start or size.mean < size.start)
        wanted = any(component.started_at < change.at <= finished_at for change in asked)
        if column is not None and went and not wanted:
            yield column


def _prior(failing: Sequence[bool]) -> float:
    """Probability that the next run is a failing one, by what followed runs like the last."""
    last = bool(failing) and failing[-1]
    after = [now for before, now in pairwise(failing) if before == last]
    seen, of = (_LASTS, _OF_FAILING) if last else (_BEGINS, _OF_CALM)
    return (sum(after) + seen) / (len(after) + of)


def _stalls(
    hit: Sequence[_Losses], deviations: Deviations, growth_gain: float, capacity_lost: float
) -> tuple[float, float]:
    """Mean seconds of a stall, and mean of their squares.

    A long component, whose own noise drowns a stall, says little.
    """
    total, mean, square = _STALLS, _STALLS * USUAL_STALL_S, _STALLS * USUAL_STALL_S**2
    for losses in hit:
        row, columns = losses.row, losses.columns
        (log_s,) = losses.log_seconds(columns, (capacity_lost,), deviations, growth_gain)
        expected_s = np.exp(log_s + deviations.level[row])
        excess_s = deviations.past.added_s[row, columns] - expected_s
        noise_s = deviations.log_sd[columns] * expected_s
        count = losses.own[columns]
        stall_s = excess_s / count
        weight = count / (1.0 + (noise_s / (count * USUAL_STALL_S)) ** 2)
        known = np.isfinite(stall_s)
        weight, stall_s = weight[known], np.maximum(stall_s[known], 0.0)
        total += weight.sum()
        mean += float(weight @ stall_s)
        square += float(weight @ stall_s**2)
    return float(mean / total), float(square / total)


def _capacity_lost(hit: Sequence[_Losses], deviations: Deviations, growth_gain: float) -> float:
    """The loss of capacity under which components in and after losses are most probable."""
    told, by_run, most = 0, [], CAPACITIES_LOST[-1]
    seen = np.nanmin(deviations.past.executors)  # below, curves are a guess
    for losses in hit:
        columns = np.flatnonzero(losses.lost > 0)
        log_s = losses.log_seconds(columns, CAPACITIES_LOST, deviations, growth_gain)
        # In a component with losses there are stalls besides, which may be long or short.
        stall_s = losses.own[columns] * USUAL_STALL_S * np.exp(-deviations.level[losses.row])
        seconds = np.exp(log_s) + stall_s
        log_sd = np.hypot(deviations.log_sd[columns], stall_s / seconds)
        log_s = np.log(seconds)
        difference = np.abs(log_s[-1] - log_s[0])
        left = deviations.past.executors[losses.row, columns] - most * losses.lost[columns]
        telling = (left >= seen) & (difference > np.maximum(log_sd[0], TELLING))
        if telling.any():
            columns, log_s, log_sd = columns[telling], log_s[:, telling], log_sd[:, telling]
            by_run.append(deviations.log_likelihood(losses.row, columns, log_s, log_sd))
            told += columns.size
    if told < ENOUGH_COMPONENTS:
        return 0.0
    return CAPACITIES_LOST[surely_most_probable(by_run)]
