"""How the components of a run deviate together: a shrunk Gaussian of log residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

IndexArray: TypeAlias = NDArray[np.intp]

SMALLEST_LOG_SD: Final = 0.01
"""No component repeats itself to less than 1 %."""
FARTHEST: Final = 4.0
"""A finished component says no more than that it was so many standard deviations off."""
DISTURBED_NOISE: Final = 3.0
"""Extra noise of a component inside which an executor came or went, in shares of its own."""

_CURVE_PARAMETERS = 3  # roughly what a curve takes from the residuals it was fitted to
_LEAST_SHRINKAGE = 0.02  # with less the matrices below are nearly singular


@dataclass(frozen=True, slots=True)
class Residuals:
    """Log residuals of ``m`` components: Gaussian around 0, covariance by Ledoit and Wolf.

    In units of ``sd`` the covariance is ``δ·μ·I + LᵀL`` with ``LᵀL = (1 − δ)·S``: S is the
    empirical one of past runs, drawn to a multiple of the identity as far as its own noise says.
    ``L`` has one row per past run, so conditioning costs a matrix of runs × runs only, however
    many components there are.
    Source: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices", 2004.

    :param sd: standard deviation of each component, ``(m,)``
    :param own: ``δ·μ``, the part of the variance that a component shares with no other
    :param loadings: ``L``, ``(n, m)``
    :param scale: what the residuals of each run were multiplied with there, ``(n,)``
    """

    sd: FloatArray
    own: float
    loadings: FloatArray
    scale: FloatArray

    @classmethod
    def fit(cls, residual: FloatArray, weight: FloatArray) -> Self:
        """Learn from residuals ``(n, m)``; weight 0 where there is none."""
        runs = residual.shape[0]
        variance = (weight * residual**2).sum(axis=0) / weight.sum(axis=0)
        variance *= runs / max(runs - _CURVE_PARAMETERS, 1)
        sd = np.maximum(np.sqrt(variance), SMALLEST_LOG_SD)
        of_run = weight.max(axis=1)
        of_run = np.sqrt(of_run / of_run.mean())
        scaled = np.clip(residual / sd, -FARTHEST, FARTHEST) * of_run[:, None]
        delta, mu = ledoit_wolf(scaled)
        delta = max(delta, _LEAST_SHRINKAGE)
        scale = np.sqrt((1 - delta) / runs)
        return cls(sd, delta * mu, scaled * scale, of_run * scale)

    def condition(self, finished: IndexArray, remaining: IndexArray, noise: FloatArray) -> Given:
        """What finished components say of remaining ones.

        :param finished: their columns, ``(f,)``
        :param remaining: their columns, ``(r,)``
        :param noise: extra variance of each finished one in units of ``own``, ``(f,)``
        """
        seen, ahead = self.loadings[:, finished], self.loadings[:, remaining]
        weighed = seen / (self.own * (1.0 + noise))
        inner = np.linalg.inv(np.eye(len(seen)) + weighed @ seen.T)
        carried = ahead.T @ inner
        shared = carried @ ahead
        shared[np.diag_indices_from(shared)] += self.own
        sd = self.sd[remaining]
        return Given(
            (carried @ weighed) * sd[:, None] / self.sd[finished], shared * sd[:, None] * sd
        )

    def hindsight(self, finished: IndexArray, remaining: IndexArray) -> FloatArray:
        """Mean log residuals of the remaining components of every past run, ``(n, r)``.

        Each given its own finished ones, by what all the other runs say. With the matrix K of
        runs × runs that :meth:`condition` inverts, leaving run k out of it is
        ``K₋ₖ⁻¹·K₋ₖ,ₖ = −A₋ₖ,ₖ / Aₖₖ`` for ``A = K⁻¹``: one inverse serves them all.
        """
        seen, ahead = self.loadings[:, finished], self.loadings[:, remaining]
        inverse = np.linalg.inv(np.eye(len(seen)) + seen @ seen.T / self.own)
        said = -inverse / np.diag(inverse)[:, None]
        np.fill_diagonal(said, 0.0)
        scale = np.where(self.scale > 0, self.scale, np.inf)
        means: FloatArray = (said @ ahead) / scale[:, None] * self.sd[remaining]
        return means

    def limited(self, residual: FloatArray, columns: IndexArray) -> FloatArray:
        """Residuals ``(…, f)`` cut off at :data:`FARTHEST` standard deviations."""
        reach = FARTHEST * self.sd[columns]
        return np.clip(residual, -reach, reach)


@dataclass(frozen=True, slots=True)
class Given:
    """Remaining components given finished ones.

    :param gain: mean log residual of each remaining per log residual of each finished, ``(r, f)``
    :param covariance: of the remaining log residuals, ``(r, r)``
    """

    gain: FloatArray
    covariance: FloatArray


def ledoit_wolf(samples: FloatArray) -> tuple[float, float]:
    """Shrinkage δ and the mean variance μ for samples ``(n, m)`` with mean 0.

    The same as scikit-learn's ``ledoit_wolf_shrinkage(…, assume_centered=True)``, from the
    matrix of runs × runs instead of components × components.
    """
    n, m = samples.shape
    gram = samples @ samples.T
    mu = float(np.trace(gram)) / (n * m)
    squared = float((gram**2).sum()) / n**2
    dispersion = (squared - m * mu**2) / m
    noise = (float((np.diag(gram) ** 2).sum()) / n - squared) / (m * n)
    if dispersion <= 0:
        return 1.0, max(mu, SMALLEST_LOG_SD)
    return min(max(noise, 0.0), dispersion) / dispersion, max(mu, SMALLEST_LOG_SD)
