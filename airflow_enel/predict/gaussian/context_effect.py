"""Effect of numbers in a run's context, such as the size of its input, on its components."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.samples import SMALLEST_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.samples import FloatArray

LEAST_RUNS: Final = 3
"""Runs that have a number, from which on it can explain something."""

MOST_NUMBERS: Final = 4
"""Numbers that are looked at, those that vary most first."""

_ELASTICITY_SD = 0.5  # of what a job's elasticity may be, and of a component's around it
_NOISE, _NOISE_RUNS = 0.07, 2.0  # of a whole run, as if so many runs had shown it
_ROUNDS = 3
_SAME_SIZE = 1e-6
_LEAST_SPREAD = 0.02  # of logs; less is no variation


@dataclass(frozen=True, slots=True)
class ContextEffect:
    """Elasticities: ``log t_j = … + Σ_f β_jf · log(x_f / x̄_f)`` for ``m`` components.

    The job's elasticity is estimated from whole runs, as far as it is more probable than none;
    each component's is drawn to it, as far as its own times do not say otherwise. So three runs
    with two inputs are enough to begin with, and a component that does not grow stays flat.

    :param names: of the numbers, ``(f,)``
    :param centre: mean of their logs in the past runs, ``(f,)``
    :param elasticity: β, ``(f, m)``
    :param log_sd: its standard deviation, ``(f, m)``
    """

    names: tuple[str, ...]
    centre: FloatArray
    elasticity: FloatArray
    log_sd: FloatArray

    @classmethod
    def none(cls, components: int) -> Self:
        """No effect."""
        return cls((), np.zeros(0), *np.zeros((2, 0, components)))

    @classmethod
    def fit(
        cls,
        contexts: Sequence[RunContext],
        residual: FloatArray,
        expected_s: FloatArray,
        log_size: FloatArray,
        weight: FloatArray,
    ) -> Self:
        """Learn from ``n`` past runs.

        Larger inputs may have had larger sizes, so what goes along with the size is left out of
        both before one is compared with the other (Frisch and Waugh).

        :param residual: log seconds less those of the curves, 0 where there are none, ``(n, m)``
        :param expected_s: seconds of the curves there, ``(n, m)``
        :param log_size: log executors there, ``(n, m)``
        :param weight: of each sample, 0 where there is none, ``(n, m)``
        """
        names, logs = _numbers(contexts)
        if not names:
            return cls.none(residual.shape[1])
        known = ~np.isnan(logs)
        centre = np.nanmean(logs, axis=0)
        z = np.where(known, logs - centre, 0.0)
        job = _of_whole_runs(z, residual, expected_s, log_size, weight)
        return cls(names, centre, *_of_components(z, residual, log_size, weight, job))

    def of(self, context: RunContext) -> FloatArray:
        """Log of the factor on each component, ``(m,)``; 0 where a number is not known."""
        factor: FloatArray = self._distance(context) @ self.elasticity
        return factor

    def uncertainty(self, context: RunContext) -> FloatArray:
        """Standard deviation of `of`, ``(m,)``; it grows with the distance to what was seen."""
        square = self._distance(context) ** 2 @ self.log_sd**2
        log_sd: FloatArray = np.sqrt(square)
        return log_sd

    def of_runs(self, contexts: Sequence[RunContext]) -> FloatArray:
        """The same as `of` for several runs, ``(n, m)``."""
        return np.stack([self.of(context) for context in contexts])

    def _distance(self, context: RunContext) -> FloatArray:
        values = [_log_of(context, name) for name in self.names]
        logs = np.array(values, dtype=np.float64)
        return np.where(np.isnan(logs), 0.0, logs - self.centre)


def varies(contexts: Sequence[RunContext]) -> bool:
    """True if a number differs between the runs that have it."""
    return bool(_numbers(contexts)[0])


def _numbers(contexts: Sequence[RunContext]) -> tuple[tuple[str, ...], FloatArray]:
    """Names of numbers that vary, and their logs in each run, NaN where unknown, ``(n, f)``."""
    found: list[tuple[float, str, FloatArray]] = []
    for name in sorted({name for context in contexts for name, _ in context}):
        logs = np.array([_log_of(context, name) for context in contexts])
        known = logs[~np.isnan(logs)]
        if known.size >= LEAST_RUNS and known.std() > _LEAST_SPREAD:
            found.append((-float(known.std() * known.size), name, logs))
    chosen = sorted(found, key=lambda one: one[:2])[:MOST_NUMBERS]
    if not chosen:
        return (), np.zeros((len(contexts), 0))
    return tuple(name for _, name, _ in chosen), np.stack([logs for *_, logs in chosen], axis=1)


def _log_of(context: RunContext, name: str) -> float:
    value = context.get(name)
    return log(value) if isinstance(value, int | float) and value > 0 else np.nan


def _of_whole_runs(
    z: FloatArray,
    residual: FloatArray,
    expected_s: FloatArray,
    log_size: FloatArray,
    weight: FloatArray,
) -> FloatArray:
    """The job's elasticities, drawn to 0 as far as whole runs do without them, ``(f,)``."""
    expected = np.where(weight > 0, expected_s, 0.0)
    usual_s = np.maximum(expected.sum(axis=1), SMALLEST_S)
    actual_s = np.maximum((expected * np.exp(residual)).sum(axis=1), SMALLEST_S)
    size = (expected * log_size).sum(axis=1) / usual_s
    columns = (np.log(actual_s / usual_s), size, weight.max(axis=1))
    off, of_size, of_run = (column[:, None] for column in columns)
    elasticity, log_sd = _regressed(z, off, of_size, of_run)
    return (elasticity * _probability(elasticity, log_sd))[:, 0]


def _of_components(
    z: FloatArray,
    residual: FloatArray,
    log_size: FloatArray,
    weight: FloatArray,
    job: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Elasticity of each component around the job's, and its deviation, ``(f, m)`` each."""
    own, log_sd = _regressed(z, residual - (z @ job)[:, None], log_size, weight)
    return job[:, None] + own * _probability(own, log_sd), log_sd


def _regressed(
    z: FloatArray, target: FloatArray, log_size: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Ridge regression of each column ``(n, m)`` on z ``(n, f)``; mean and deviation, ``(f, m)``.

    The noise is that of the fit, with `_NOISE` as if some runs had shown it.
    """
    left = target = _without_size(target[..., None], log_size, weight)[..., 0]
    design = np.broadcast_to(z[:, None, :], (*target.shape, z.shape[1]))
    design = _without_size(design, log_size, weight)
    moments = np.einsum("nmf,nm,nmg->mfg", design, weight, design)
    right = np.einsum("nmf,nm,nm->mf", design, weight, target)
    total = weight.sum(axis=0) + _NOISE_RUNS
    for _ in range(_ROUNDS):
        noise = ((weight * left**2).sum(axis=0) + _NOISE_RUNS * _NOISE**2) / total
        precision = moments / noise[:, None, None] + np.eye(z.shape[1]) / _ELASTICITY_SD**2
        covariance = np.linalg.inv(precision)
        mean = (covariance @ (right / noise[:, None])[..., None])[..., 0]
        left = target - np.einsum("nmf,mf->nm", design, mean)
    return mean.T, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).T


def _without_size(values: FloatArray, log_size: FloatArray, weight: FloatArray) -> FloatArray:
    """Values ``(n, m, f)`` without their mean and what is linear in the log of the size."""
    part = (weight / weight.sum(axis=0))[..., None]
    size = log_size[..., None] - (part * log_size[..., None]).sum(axis=0)
    centred = values - (part * values).sum(axis=0)
    square = (part * size**2).sum(axis=0)
    slope = (part * size * centred).sum(axis=0) / np.where(square > _SAME_SIZE, square, np.inf)
    left: FloatArray = centred - slope * size
    return left


def _probability(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """Probability that an elasticity is not 0, as likely as not before anything was seen.

    By Savage and Dickey: the density at 0 before, over that after.
    """
    log_odds = np.log(sd / _ELASTICITY_SD) + 0.5 * (mean / sd) ** 2
    probability: FloatArray = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -50.0, 50.0)))
    return probability
