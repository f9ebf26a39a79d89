"""Covariance of the components' log residuals: Ledoit–Wolf shrinkage and conditioning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from airflow_enel.predict.spread import UNKNOWN

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

IndexArray: TypeAlias = NDArray[np.intp]

SMALLEST_LOG_SD: Final = 0.01
"""No component repeats itself to less than 1 %."""
FARTHEST: Final = 4.0
"""A finished component says no more than that it was so many standard deviations off."""
CURVE_PARAMETERS: Final = 3
"""Roughly what a curve takes from the residuals it was fitted to."""
DISTURBED_NOISE: Final = 3.0
"""Extra noise of a component inside which an executor came or went, in shares of its own."""

_COMMON = 0.5  # of what is not known of the variance, as a whole run can be slow
_LEAST_SHRINKAGE = 0.02  # with less the matrices below are nearly singular
_TRIALS = (0.25, 0.5, 0.75)  # parts of a run after which what is left of it is foreseen


@dataclass(frozen=True, slots=True)
class Residuals:
    """Log residuals of ``m`` components: Gaussian around 0, covariance by Ledoit and Wolf.

    In units of ``sd`` the covariance is ``δ·μ·I + LᵀL`` with ``LᵀL = (1 − δ)·S``: S is the
    empirical one of past runs, drawn to a multiple of the identity as far as its own noise says.
    ``L`` has one row per past run, and one per other cause that moves all components, so
    conditioning costs a matrix of about runs × runs at most, however many components there are.
    Source: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance
    matrices", 2004.

    :param sd: standard deviation of each component, ``(m,)``
    :param own: ``δ·μ``, the part of the variance that a component shares with no other
    :param loadings: ``L``, ``(n + k, m)``
    :param scale: what the residuals of each run were multiplied with there, ``(n,)``
    :param trust: how far each follows what finished ones say of it, 0…1, ``(m,)``
    """

    sd: FloatArray
    own: float
    loadings: FloatArray
    scale: FloatArray
    trust: FloatArray

    @classmethod
    def fit(cls, residual: FloatArray, weight: FloatArray, sizes: IndexArray) -> Self:
        """Learn from residuals ``(n, m)``; weight 0 where there is none.

        :param sizes: at how many scale-outs each component has run, ``(m,)``
        """
        runs = residual.shape[0]
        seen, usual = _variance(residual, weight, sizes)
        sd = np.maximum(np.sqrt(seen + usual), SMALLEST_LOG_SD)
        of_run = weight.max(axis=1)
        of_run = np.sqrt(of_run / of_run.mean())
        scaled = np.clip(residual / sd, -FARTHEST, FARTHEST) * of_run[:, None]
        square = (scaled**2).mean(axis=0)
        scaled *= np.sqrt(seen / sd**2 / np.where(square > 0, square, np.inf))
        delta, mu = ledoit_wolf(scaled)
        delta = max(delta, _LEAST_SHRINKAGE)
        scale = np.sqrt((1 - delta) / runs)
        # What few runs have not shown of the variance may be the same for all components.
        hidden = usual / sd**2
        own = delta * mu + (1.0 - _COMMON) * float(hidden.mean())
        loadings = np.concatenate([scaled * scale, np.sqrt(_COMMON * hidden)[None]])
        return cls(sd, own, loadings, of_run * scale, np.ones(sd.size))

    def with_trust(self, residual: FloatArray, weight: FloatArray, order: IndexArray) -> Self:
        """With the trust that it has earned on residuals ``(n, m)`` of the past runs.

        Ledoit and Wolf shrink all correlations alike, and many components that go together leave
        them much of the chance ones that others have with these: a load from a disk would follow
        the iterations. So what the other runs say of each component of a run, given its finished
        ones, is scaled to fit it best, as if one run more had borne it out.

        :param weight: 0 where there is none, ``(n, m)``
        :param order: columns in the order of their places in the run, ``(m,)``
        """
        last = order.size - 1
        cuts = {max(round(part * order.size), 1) for part in _TRIALS} | {last}
        limited = self.limited(residual, np.arange(order.size))
        fitting, squares = np.stack([self.sd, self.sd]) ** 2
        for cut in sorted(cut for cut in cuts if 0 < cut <= last):
            ahead = order[cut:]
            said = self._said(self._inverse(order[:cut], np.zeros(cut)), ahead)
            fitting[ahead] += (weight[:, ahead] * said * limited[:, ahead]).sum(axis=0)
            squares[ahead] += (weight[:, ahead] * said**2).sum(axis=0)
        trust = np.clip(fitting / squares, 0.0, 1.0)
        trust[order[: min(cuts)]] = 1.0  # never foreseen above
        return replace(self, trust=trust)

    def with_factors(self, factors: FloatArray) -> Self:
        """With ``k`` more causes that move all components at once.

        :param factors: what a standard deviation of each does to the log seconds, ``(k, m)``
        """
        return replace(self, loadings=np.concatenate([self.loadings, factors / self.sd]))

    def condition(self, finished: IndexArray, remaining: IndexArray, noise: FloatArray) -> Given:
        """Conditional distribution of the remaining components given the finished ones.

        :param finished: their columns, ``(f,)``
        :param remaining: their columns, ``(r,)``
        :param noise: extra variance of each finished one in units of ``own``, ``(f,)``
        """
        carried = self.loadings[:, remaining].T @ self._inverse(finished, noise)
        gain = self._gain(carried, finished, remaining, noise)
        return Given(gain, self._covariance(carried, remaining, finished.size > 0))

    def gain(self, finished: IndexArray, remaining: IndexArray, noise: FloatArray) -> FloatArray:
        """The gain of :meth:`condition` alone, ``(r, f)``."""
        carried = self.loadings[:, remaining].T @ self._inverse(finished, noise)
        return self._gain(carried, finished, remaining, noise)

    def _gain(
        self, carried: FloatArray, finished: IndexArray, remaining: IndexArray, noise: FloatArray
    ) -> FloatArray:
        weighed = self.loadings[:, finished] / (self.own * (1.0 + noise) * self.sd[finished])
        gain: FloatArray = (carried @ weighed) * (self.trust * self.sd)[remaining, None]
        return gain

    def leave_one_out(
        self, finished: IndexArray, remaining: IndexArray
    ) -> tuple[FloatArray, FloatArray]:
        """Mean log residuals of the remaining components of every past run, ``(n, r)``.

        Each given its own finished ones, by what all the other runs say.

        :return: the means, and the covariance ``(r, r)`` given by all runs
        """
        inverse = self._inverse(finished, np.zeros(finished.size))
        means = self._said(inverse, remaining)
        carried = self.loadings[:, remaining].T @ inverse
        return means, self._covariance(carried, remaining, finished.size > 0)

    def _inverse(self, finished: IndexArray, noise: FloatArray) -> FloatArray:
        """``K⁻¹`` of ``K = I + L·D⁻¹·Lᵀ``, ``D`` the own variances of the finished; ``(n, n)``."""
        seen, own = self.loadings[:, finished], self.own * (1.0 + noise)
        inverse: FloatArray = np.eye(len(seen))
        if finished.size < len(seen):  # Woodbury: the smaller matrix is inverted
            inner = seen.T @ seen
            inner.flat[:: finished.size + 1] += own
            inverse -= seen @ np.linalg.inv(inner) @ seen.T
        else:
            inverse = np.linalg.inv(inverse + (seen / own) @ seen.T).astype(np.float64)
        return inverse

    def _said(self, inverse: FloatArray, remaining: IndexArray) -> FloatArray:
        """Means by the inverse A of K; all runs but k make ``K₋ₖ⁻¹·K₋ₖ,ₖ = −A₋ₖ,ₖ / Aₖₖ``."""
        runs = self.scale.size
        said = -inverse[:runs] / np.diag(inverse)[:runs, None]
        np.fill_diagonal(said, 0.0)
        scale = np.where(self.scale > 0, self.scale, np.inf)[:, None]
        means: FloatArray = (said @ self.loadings[:, remaining]) / scale
        means *= self.trust[remaining] * self.sd[remaining]
        return means

    def _covariance(self, carried: FloatArray, remaining: IndexArray, given: bool) -> FloatArray:
        """Covariance of the remaining components, conditioned as far as their trust goes."""
        ahead, sd = self.loadings[:, remaining], self.sd[remaining]
        shared = carried @ ahead
        shared.flat[:: remaining.size + 1] += self.own
        if given:
            known, whole = np.diag(shared), (ahead**2).sum(axis=0) + self.own
            doubt = (1.0 - self.trust[remaining]) * np.maximum(whole - known, 0.0)
            sd = sd * np.sqrt(1.0 + doubt / known)
        return shared * sd[:, None] * sd

    def limit(self, columns: IndexArray) -> FloatArray:
        """:data:`FARTHEST` standard deviations of each, ``(f,)``."""
        limit: FloatArray = FARTHEST * self.sd[columns]
        return limit

    def limited(self, residual: FloatArray, columns: IndexArray) -> FloatArray:
        """Residuals ``(…, f)`` cut off at their limits."""
        limit = self.limit(columns)
        return np.clip(residual, -limit, limit)


@dataclass(frozen=True, slots=True)
class Given:
    """Remaining components given finished ones.

    :param gain: mean log residual of each remaining per log residual of each finished, ``(r, f)``
    :param covariance: of the remaining log residuals, ``(r, r)``
    """

    gain: FloatArray
    covariance: FloatArray


def _variance(
    residual: FloatArray, weight: FloatArray, sizes: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """Variance of each component that was seen, and that is added, ``(m,)`` each.

    As if there were one run more that varied as usual. What is usual is the median of all
    components, as if they had one more of which nothing is known: a curve goes through the first
    runs, whose residuals say nothing.
    """
    squares, runs = (weight * residual**2).sum(axis=0), weight.sum(axis=0)
    counted = np.maximum(runs - np.minimum(sizes, CURVE_PARAMETERS), 0.0) + 1.0
    usual = np.median((squares + UNKNOWN**2) / counted)
    return squares / counted, usual / counted


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
