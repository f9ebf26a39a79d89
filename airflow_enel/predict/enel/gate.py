"""How far the network's correction of the prior is trusted, by a bet with a bounded loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.enel.config import LARGEST_LOG_CORRECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.predict.samples import FloatArray

START: Final = 1 / 2
"""Weight of the network, half of it corrected by half, before a run was judged."""
LEAST_PRIOR: Final = 1 / 32
"""Weight that the prior always keeps, so that a gate closes soon when evidence turns."""
RATE: Final = 0.9
"""How much a run moves the weights: below 1, or one run could decide for ever."""
MANY_JOBS: Final = 8
"""Jobs from which on together they say something of a job without judged runs of its own."""
SURE: Final = 20.0
"""E-value they must reach: if the network were useless to them, one time in so many would."""
EARLY: Final = 1 / 8
"""Up to this share of finished components a run is early: they have not told the prior yet how
this run deviates, or only those that start it have."""

LOSS_FROM_START: Final = log(1 / (1 - START)) / RATE
"""Bound on the excess loss over all runs, in multiples of a gate's limit."""
LOSS_OF_STRETCH: Final = log(1 / LEAST_PRIOR) / RATE
"""The same over any stretch of runs."""


@dataclass(frozen=True, slots=True)
class JudgedForecasts:
    """Forecasts by prior and network of ``q`` moments of runs that neither had seen, of one job.

    Of every run the forecast before the start counts as much as all later ones: it chooses the
    executors, the others adjust them.

    :param run: number of the run of each, ascending, ``(q,)``
    :param phase: see :func:`phase_of`, ``(q,)``
    :param residual: r = log(actual / prior) of the remaining seconds, ``(q,)``
    :param correction: c = log(network / prior), ``(q,)``
    """

    run: FloatArray
    phase: FloatArray
    residual: FloatArray
    correction: FloatArray

    def of_phase(self, phase: int) -> JudgedForecasts:
        """The forecasts of one phase."""
        there = self.phase == phase
        return JudgedForecasts(
            self.run[there], self.phase[there], self.residual[there], self.correction[there]
        )

    @property
    def runs(self) -> int:
        """Number of runs."""
        return int(np.unique(self.run).size)

    def gain(self, correct: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Decrease of each run's mean |log error|, one number per run.

        :param correct: log correction that is applied of one that is predicted
        """
        left = self.residual - correct(self.correction)
        return self._of_runs(np.abs(self.residual) - np.abs(left))

    def percent(self, share: float) -> float | None:
        """Mean error in percent of the actual seconds, None without runs."""
        if not self.run.size:
            return None
        errors = np.abs(np.expm1(np.clip(share * self.correction - self.residual, -50.0, 50.0)))
        return round(float(100 * self._of_runs(errors).mean()), 3)

    def _of_runs(self, values: FloatArray) -> FloatArray:
        """Means of the runs."""
        means = []
        for run in np.unique(self.run):
            of_run = self.run == run
            parts = [values[of_run & ((self.phase == 0) == first)] for first in (True, False)]
            means.append(np.mean([part.mean() for part in parts if part.size]))
        return np.array(means)


@dataclass(frozen=True, slots=True)
class Gate:
    """Trust in the network's correction of one job in one phase of a run.

    Three experts bet on each run: the prior, and the network with half and with all of its log
    correction, cut to ±``limit``. What is applied is the mean of their corrections by weight. A
    run changes the weights by ``p ∝ p·(1 + η·g / limit)``, with g the decrease of the mean
    |log error| of that run against the prior, 0 for the prior itself, and η = :data:`RATE`
    (Prod with a constant expert: Sani, Neu and Lazaric, "Exploiting easy data in online
    optimization", 2014, theorem 1).

    **Guarantee**, whatever the runs and the network: over all judged runs the mean |log error|
    per run exceeds the prior's by at most ``limit·log(1 / p₀) / η`` in sum, with p₀ the prior's
    weight before the first of them: :data:`LOSS_FROM_START` = 0.77 limits from the start of a
    gate, and :data:`LOSS_OF_STRETCH` = 3.9 limits over any stretch of runs, as p₀ is never below
    :data:`LEAST_PRIOR`. *Proof*: |log error| is convex, so the excess is at most −Σ p·g; a run
    divides the prior's weight by ``1 + η·Σ p·g / limit``, whose log is at most
    ``η·Σ p·g / limit``, and that weight never exceeds 1; lifting it to its least value only adds
    to it. If the network gains nothing on average, given what came before, the share ever exceeds
    x with probability at most ``(1 − x) / (1 − START)``, as the inverse of the prior's weight is
    a non-negative supermartingale then (Ville), for x up to 1 − :data:`LEAST_PRIOR`.

    :param limit: largest |log correction| that is applied, 0 … 3
    :param half: weight of half the correction
    :param whole: weight of the whole correction; the prior has the rest
    """

    limit: float
    half: float
    whole: float

    @property
    def share(self) -> float:
        """Part of the correction that is applied, 0 … 1."""
        return 0.5 * self.half + self.whole if self.limit > 0 else 0.0

    def applied(self, correction: FloatArray) -> FloatArray:
        """Log correction that is applied of one that is predicted, any shape."""
        return self.share * self._cut(correction)

    def after(self, judged: JudgedForecasts) -> Gate:
        """The gate after more runs, one after the other."""
        if self.limit == 0:
            return self
        gains = np.stack(
            [judged.gain(lambda c, part=part: part * self._cut(c)) for part in (0.5, 1.0)]  # type: ignore[misc]
        )
        gate = self
        for half, whole in np.clip(gains / self.limit, -1.0, 1.0).T.tolist():
            gate = gate._moved(1.0 + RATE * half, 1.0 + RATE * whole)
        return gate

    def _moved(self, half: float, whole: float) -> Gate:
        """The gate with the network's weights times factors, before they add up to 1 again."""
        prior, half, whole = 1.0 - self.half - self.whole, self.half * half, self.whole * whole
        prior = max(prior, LEAST_PRIOR / (1.0 - LEAST_PRIOR) * (half + whole))
        total = prior + half + whole
        return replace(self, half=half / total, whole=whole / total)

    def _cut(self, correction: FloatArray) -> FloatArray:
        cut: FloatArray = np.clip(correction, -self.limit, self.limit)
        return cut


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one job, one for each phase of a run."""

    start: Gate
    early: Gate
    late: Gate

    @property
    def by_phase(self) -> tuple[Gate, ...]:
        """The gates in the order of :func:`phase_of`."""
        return self.start, self.early, self.late

    @property
    def shares(self) -> tuple[float, ...]:
        """Part of the correction that is applied in each phase."""
        return tuple(gate.share for gate in self.by_phase)

    def after(self, judged: JudgedForecasts) -> Gates:
        """The gates of a job after its own runs."""
        return Gates(*(judge_job(gate, judged.of_phase(n)) for n, gate in enumerate(self.by_phase)))

    def after_group(self, jobs: Sequence[JudgedForecasts]) -> Gates:
        """The gates for jobs of which no run was judged, after runs of others."""
        return Gates(
            *(
                judge_group(gate, [job.of_phase(phase) for job in jobs])
                for phase, gate in enumerate(self.by_phase)
            )
        )


_NOTHING: Final = Gate(0.0, 0.0, 0.0)
CLOSED: Final = Gates(_NOTHING, _NOTHING, _NOTHING)
"""The prior alone."""
_WHOLE: Final = Gate(LARGEST_LOG_CORRECTION, 0.0, 1.0)
OPEN: Final = Gates(_WHOLE, _WHOLE, _WHOLE)
"""The whole correction, to judge it."""


def starting(limit: float) -> Gate:
    """A gate before any run was judged; closed without a limit."""
    limit = min(limit, LARGEST_LOG_CORRECTION)
    return Gate(limit, START / 2, START / 2) if limit > 0 else _NOTHING


def judge_job(before: Gate, judged: JudgedForecasts) -> Gate:
    """The gate of a job after its own runs.

    The largest correction that these runs were to get limits a gate that has no limit yet: how
    they ended has no part in it.

    :param before: without a limit if no run was judged yet
    """
    if before.limit == 0:
        before = starting(float(np.abs(judged.correction).max(initial=0.0)))
    return before.after(judged)


def judge_group(before: Gate, jobs: Sequence[JudgedForecasts]) -> Gate:
    """The gate for jobs of which no run was judged.

    Other jobs open it only if they are many, and only to where a gate starts: each of them
    counts as one run, by its mean, however many runs it has, as runs of one job say the same of
    another job. What a gate can lose is bounded from there as for any other.

    :param before: of the model that was fine-tuned, which stays where there is too little to
        judge by; without a limit if there was none
    """
    limits = [float(np.abs(job.correction).max(initial=0.0)) for job in jobs]
    usable = [(job, limit) for job, limit in zip(jobs, limits, strict=True) if limit > 0]
    if len(usable) < MANY_JOBS:
        return before
    gains = [
        [job.gain(lambda c, part=part: part * c).mean() / limit for part in (0.5, 1.0)]  # type: ignore[misc]
        for job, limit in usable
    ]
    e_value = float(np.prod(1.0 + RATE * np.array(gains), axis=0).mean())
    if e_value >= SURE:
        return starting(float(np.median([limit for _, limit in usable])))
    return _NOTHING if e_value <= 1.0 / SURE else before


def phase_of(finished: float, ahead: float) -> int:
    """0 before the start, 1 early, 2 later.

    Metrics and context say less and less that the prior has not seen by then.

    :param finished: number of components that have finished
    :param ahead: number of those that are expected
    """
    if not finished:
        return 0
    return 1 if finished <= EARLY * (finished + ahead) else 2
