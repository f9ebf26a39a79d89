"""Fits the gates: weights in 0…1 of the network's correction, from runs held out of training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.predict.samples import FloatArray

POOLED_RUNS: Final = 4
"""Weight of all jobs together in the gate of one job, in runs."""
EARLY: Final = 1 / 8
"""Up to this share of finished components a run is early: they have not told the prior yet how
this run deviates, or only those that start it have."""
PHASES: Final = 3
"""Before the start, early, later: metrics and context say less and less that the prior has not
seen by then."""
ENOUGH_RUNS: Final = 3
"""Runs held out from which on a job's own gain decides whether its gate opens."""

_NONE: FloatArray = np.empty(0)


@dataclass(frozen=True, slots=True)
class HeldOutForecasts:
    """Forecasts of the runs held out of one job, ``q`` of them.

    Of every run the forecast before the start counts as much as all later ones: it chooses the
    executors, the others adjust them.

    :param run: number of the run of each, ``(q,)``
    :param phase: see :func:`phase_of`, ``(q,)``
    :param residual: r = log(actual / prior) of the remaining seconds, ``(q,)``
    :param correction: c = log(network / prior), ``(q,)``
    """

    run: FloatArray
    phase: FloatArray
    residual: FloatArray
    correction: FloatArray

    def of_phase(self, phase: int) -> HeldOutForecasts:
        """The forecasts of one phase."""
        there = self.phase == phase
        return HeldOutForecasts(
            self.run[there], self.phase[there], self.residual[there], self.correction[there]
        )

    @property
    def runs(self) -> int:
        """Number of runs held out."""
        return int(np.unique(self.run).size)

    def gain(self, gate: float) -> FloatArray:
        """Decrease of each run's mean |log error|, one number per run."""
        better = np.abs(self.residual) - np.abs(self.residual - gate * self.correction)
        return self._of_runs(better)

    def sums(self) -> FloatArray:
        """Σ r·c and Σ c², ``(2,)``. A run counts as one: its moments are no further witnesses."""
        products = self.residual * self.correction, self.correction**2
        return np.array([self._of_runs(product).sum() for product in products])

    def percent(self, gate: float) -> float | None:
        """Mean error in percent of the actual seconds, None without runs."""
        if not self.run.size:
            return None
        errors = np.abs(np.expm1(np.clip(gate * self.correction - self.residual, -50.0, 50.0)))
        return round(float(100 * self._of_runs(errors).mean()), 3)

    def _of_runs(self, values: FloatArray) -> FloatArray:
        """Means of the runs."""
        means = []
        for run in np.unique(self.run):
            of_run = self.run == run
            parts = [values[of_run & ((self.phase == 0) == first)] for first in (True, False)]
            means.append(np.mean([part.mean() for part in parts if part.size]))
        return np.array(means)


def phase_of(finished: float, ahead: float) -> int:
    """0 before the start, 1 early, 2 later.

    :param finished: number of components that have finished
    :param ahead: number of those that are expected
    """
    if not finished:
        return 0
    return 1 if finished <= EARLY * (finished + ahead) else 2


def fit_gates(
    jobs: Sequence[HeldOutForecasts], before: tuple[float, Sequence[float]] | None = None
) -> tuple[float, tuple[float, ...]]:
    """Pooled gate and those of the jobs.

    ``w = clip(Σ r·c / Σ c², 0, 1)``, the least squares of ``r = w·c``; that of a job is drawn to
    the pooled one as by :data:`POOLED_RUNS` more runs. 0 unless the errors of the runs held out
    fall by more than one standard error: the pooled one by those of all jobs, that of a job by
    its own, and as by :data:`POOLED_RUNS` more by those of the others. A job with too few runs
    of its own has no say: it gets the pooled gate if that is surer, beyond two standard errors.

    :param before: the same of the model that was fine-tuned: it is what they are drawn to then,
        and what they stay where there is too little to judge by. What has opened a gate still
        counts: it takes a sure loss to close it.
    :return: the gate of jobs that have no say, and those of the jobs
    """
    sums = [job.sums() for job in jobs]
    runs = sum(job.runs for job in jobs)
    of_all = np.sum(sums, axis=0) if sums else np.zeros(2)
    pull = POOLED_RUNS * float(of_all[1]) / max(runs, 1)
    if before is None:
        pooled = _ratio(of_all)
        gain = _all([job.gain(pooled) for job in jobs])
        sure = pooled if _worth_it(gain, sigmas=2.0) else 0.0
        pooled = pooled if _worth_it(gain) else 0.0
    else:
        pooled = sure = before[0]
        if runs >= ENOUGH_RUNS:
            gate = _ratio(of_all, pooled, pull)
            gain = _all([job.gain(gate) for job in jobs])
            pooled = sure = gate if _is_open(pooled, gain, sigmas=2.0) else 0.0
    own = []
    drawn_to = [pooled] * len(jobs) if before is None else before[1]
    gains = [job.gain(pooled) for job in jobs]
    for index, (job, usual) in enumerate(zip(jobs, drawn_to, strict=True)):
        if job.runs < ENOUGH_RUNS:
            own.append(sure if before is None else usual)
            continue
        gate = _ratio(sums[index], usual, pull)
        others = _all(gains[:index] + gains[index + 1 :])
        opened = 0.0 if before is None else usual
        own.append(gate if _is_open(opened, job.gain(gate), others) else 0.0)
    return sure, tuple(own)


def _ratio(sums: FloatArray, usual: float = 0.0, pull: float = 0.0) -> float:
    """Least squares of a gate, drawn to the usual one."""
    product, square = sums + pull * np.array([usual, 1.0])
    return float(np.clip(product / square, 0.0, 1.0)) if square > 0 else 0.0


def _is_open(
    before: float, gain: FloatArray, others: FloatArray = _NONE, sigmas: float = 1.0
) -> bool:
    """Whether gains open a gate that was closed, or losses leave one that was open."""
    if before > 0:
        return not _worth_it(-gain, -others)
    return _worth_it(gain, others, sigmas)


def _worth_it(gain: FloatArray, others: FloatArray = _NONE, sigmas: float = 1.0) -> bool:
    """True if the mean gain is beyond what so many standard errors are of many runs.

    The same quantile of Student's t: of few runs the standard error itself is uncertain.

    :param others: gains of other jobs, which together count as :data:`POOLED_RUNS` more
    """
    if gain.size < 2:  # noqa: PLR2004 - one run proves nothing
        return False
    more = POOLED_RUNS if others.size > 1 else 0
    weights = np.array([gain.size, more]) / (gain.size + more)
    samples = (gain, others if more else gain)
    mean = weights @ [of.mean() for of in samples]
    variance = weights @ [of.var(ddof=1) for of in samples]
    count = gain.size + more
    return bool(mean > stdtrit(count - 1, ndtr(sigmas)) * np.sqrt(variance / count))


def _all(gains: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate([_NONE, *gains])
