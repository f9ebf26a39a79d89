"""Local-linear kernel regression of runtime over scale-out: Bell's non-parametric curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.samples import (
    SMALLEST_S,
    BoolArray,
    FloatArray,
    Levels,
    check_executors,
    check_samples,
    relative_errors,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

BANDWIDTHS: FloatArray = np.unique(np.geomspace(1, 100, 25).round())
"""Whole numbers 1…100, a fifth apart: all hundred choose no better and cost five times as much."""


class KernelRegression:
    """A weighted straight line around every scale-out.

    ``t(s) = α`` of ``min over α, β of Σ_j w_j·(y_j − α − β·(x_j − s))²`` with Gaussian weights
    ``w_j = exp(−(x_j − s)² / 2h²)``. The bandwidth h, 1…100 executors, is the one with the least
    mean relative error when one interior scale-out after the other is left out; 100, nearly one
    straight line, where there are too few to leave one out. Fractional executors count as the
    nearest whole number.
    Source: the non-parametric model of Bell (Thamsen et al., "Selecting Resources for
    Distributed Dataflow Systems According to Runtime Targets", IPCCC 2016).

    *Shapes*: ``fit`` takes executors and seconds ``(n,)``, n ≥ 1; ``predict`` takes executors
    ``(m,)`` and gives seconds ``(m,)``.
    """

    def __init__(self) -> None:
        self.bandwidth: float | None = None
        self._levels: Levels | None = None

    def __repr__(self) -> str:
        return f"KernelRegression(bandwidth={self.bandwidth})"

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Choose the bandwidth and keep the samples.

        :raises ValueError: if there are no samples or unusable ones
        """
        x, y = check_samples(executors, runtime_s)
        levels = Levels.of(x, y)
        everything = np.ones((1, levels.executors.size), dtype=np.bool_)
        chosen = _bandwidths(levels, y, everything, _held_out(levels, everything))
        self._levels, self.bandwidth = levels, float(BANDWIDTHS[chosen[0]])
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self._levels is None or self.bandwidth is None:
            raise ValueError("call fit before predict")
        asked = check_executors(executors)
        distance = self._levels.executors[None, :] - asked[:, None]
        exponent = -(distance**2) / (2 * self.bandwidth**2)
        # Relative to the nearest sample, or all weights underflow far away from them.
        exponent -= exponent.max(axis=1, keepdims=True)
        weight = np.exp(exponent) * self._levels.count
        return _line_at_zero(_moments(weight, distance, self._levels.mean_s).sum(axis=-1))


def cross_validate(levels: Levels, runtime_s: FloatArray) -> FloatArray:
    """Predict every interior scale-out by a regression that never saw it.

    Each is left out of the choice of the bandwidth too, which is the same as fitting a
    :class:`KernelRegression` without it, for all of them in one matrix product.

    :param levels: grouped samples, u distinct scale-outs
    :param runtime_s: the samples, shape ``(n,)``
    :return: seconds at every distinct scale-out, NaN at the two outer ones, shape ``(u,)``
    """
    left_out = levels.interior
    keep = np.arange(levels.executors.size)[None, :] != left_out[:, None]
    predictions = _held_out(levels, keep)
    chosen = _bandwidths(levels, runtime_s, keep, predictions)
    seconds = np.full(levels.executors.size, np.nan)
    seconds[left_out] = predictions[chosen, left_out, np.arange(left_out.size)]
    return seconds


def _held_out(levels: Levels, keep: BoolArray) -> FloatArray:
    """Prediction at each level from all the others that a fold keeps.

    :param keep: which levels a fold may see, shape ``(folds, u)``
    :return: shape ``(bandwidths, u, folds)``; infinite where no other level carries weight
    """
    distance = levels.executors[None, :] - levels.executors[:, None]
    weight = np.exp(-(distance**2) / (2 * BANDWIDTHS[:, None, None] ** 2)) * levels.count
    weight *= ~np.eye(levels.executors.size, dtype=np.bool_)
    return _line_at_zero(_moments(weight, distance, levels.mean_s) @ keep.T.astype(np.float64))


def _bandwidths(
    levels: Levels, runtime_s: FloatArray, keep: BoolArray, predictions: FloatArray
) -> NDArray[np.intp]:
    """Index of the best bandwidth per fold, over the interior levels it keeps; shape (folds,)."""
    judged = np.isin(levels.index, levels.interior)
    index, actual = levels.index[judged], runtime_s[judged]
    weight = keep[:, index].T.astype(np.float64)
    if not index.size or not weight.sum(axis=0).all():
        return np.full(keep.shape[0], BANDWIDTHS.size - 1, dtype=np.intp)
    errors = relative_errors(predictions[:, index, :], actual[None, :, None])
    means = np.where(weight > 0, errors, 0.0).sum(axis=1) / weight.sum(axis=0)
    blind = ~np.isfinite(means).any(axis=0)
    return np.where(blind, BANDWIDTHS.size - 1, means.argmin(axis=0))


def _moments(weight: FloatArray, distance: FloatArray, value: FloatArray) -> FloatArray:
    """Terms of the five sums of a weighted straight line, shape ``(5, …, u)``."""
    slope = weight * distance
    return np.stack([weight, slope, slope * distance, weight * value, slope * value])


def _line_at_zero(sums: FloatArray) -> FloatArray:
    """Intercept of the weighted straight line with the sums ``(5, …)``; its mean if upright."""
    w, wx, wxx, wy, wxy = sums
    determinant = w * wxx - wx**2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        line = (wxx * wy - wx * wxy) / determinant
        mean = wy / w
    seconds = np.where(determinant > 1e-9 * w * wxx, line, mean)
    seconds = np.where(w > np.finfo(np.float64).tiny, seconds, np.inf)
    return np.where(np.isnan(seconds), np.inf, np.maximum(seconds, SMALLEST_S))
