"""Local-linear kernel regression of runtime over scale-out: Bell's non-parametric curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.samples import (
    SMALLEST_S,
    FloatArray,
    IndexArray,
    Samples,
    check_executors,
    without_each_interior,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
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
        self._fitted: KernelCurves | None = None

    def __repr__(self) -> str:
        return f"KernelRegression(bandwidth={self.bandwidth})"

    @property
    def bandwidth(self) -> float | None:
        """The one chosen, in executors; None before it is fitted."""
        return None if self._fitted is None else float(self._fitted.bandwidth[0])

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Choose the bandwidth and keep the samples.

        :raises ValueError: if there are no samples or unusable ones
        """
        samples = Samples.of_one(executors, runtime_s)
        bandwidth, _ = cross_validate(samples)
        self._fitted = KernelCurves(bandwidth, samples)
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self._fitted is None:
            raise ValueError("call fit before predict")
        seconds: FloatArray = self._fitted.at(check_executors(executors)[None])[0]
        return seconds


@dataclass(frozen=True, slots=True)
class KernelCurves:
    """Kernel regressions of ``p`` curves.

    :param bandwidth: of each, ``(p,)``
    :param samples: what it was fitted on
    """

    bandwidth: FloatArray
    samples: Samples

    def at(self, executors: FloatArray) -> FloatArray:
        """Seconds > 0 at executors ``(p, c)``, of the same shape."""
        samples = self.samples
        distance = samples.sizes[:, None, :] - executors[:, :, None]
        exponent = -(distance**2) / (2 * self.bandwidth[:, None, None] ** 2)
        # Relative to the nearest sample, or all weights underflow far away from them.
        exponent -= exponent.max(axis=2, keepdims=True)
        weight = np.exp(exponent) * samples.count[:, None, :]
        return _line_at_zero(_moments(weight, distance, samples.mean_s[:, None, :]).sum(axis=-1))


def cross_validate(samples: Samples) -> tuple[FloatArray, FloatArray]:
    """Choose the bandwidth, and predict every interior scale-out by a regression without it.

    One that is left out is left out of the choice of its bandwidth too, which is the same as
    fitting a :class:`KernelRegression` without it, for all of them in one matrix product.

    :param samples: of ``p`` curves, all with ``u`` distinct scale-outs
    :return: bandwidth ``(p,)``; seconds at every distinct scale-out, NaN at the two outer ones,
        ``(p, u)``
    """
    curves, sizes = samples.sizes.shape
    seconds = np.full((curves, sizes), np.nan)
    if sizes <= 2:  # noqa: PLR2004 - none is an interior one
        return np.full(curves, BANDWIDTHS[-1]), seconds
    keep = without_each_interior(sizes)
    predictions = _held_out(samples, keep)
    chosen = _bandwidths(samples, predictions)
    interior = np.arange(sizes - 2)
    of_curve = np.arange(curves)[:, None]
    seconds[:, 1:-1] = predictions[of_curve, interior, chosen[:, 1:], interior + 1]
    return BANDWIDTHS[chosen[:, 0]], seconds


def _held_out(samples: Samples, keep: FloatArray) -> FloatArray:
    """Prediction at each interior scale-out from all the others that a fold keeps.

    :param keep: 1 where a fold may see a distinct scale-out, ``(folds, u)``
    :return: shape ``(p, u − 2, bandwidths, folds)``; infinite where no other one carries weight
    """
    distance = samples.sizes[:, None, :] - samples.sizes[:, 1:-1, None]
    others = samples.count[:, None, :] * (1.0 - np.eye(samples.sizes.shape[1]))[1:-1]
    weight = np.exp((distance**2)[:, :, None, :] * (-0.5 / BANDWIDTHS[:, None] ** 2))
    weight *= others[:, :, None, :]
    terms = _moments(weight, distance[:, :, None, :], samples.mean_s[:, None, None, :])
    # BLAS takes twice as long with a transposed view of so narrow a matrix.
    sums = terms.reshape(-1, terms.shape[-1]) @ np.ascontiguousarray(keep.T)
    return _line_at_zero(sums.reshape(*terms.shape[:-1], -1))


def _bandwidths(samples: Samples, predictions: FloatArray) -> IndexArray:
    """Index of the best bandwidth per curve and fold, over the interior scale-outs it keeps.

    :param predictions: ``(p, u − 2, bandwidths, folds)``
    :return: shape ``(p, folds)``
    """
    judged = samples.interior
    place = np.clip(samples.group - 1, 0, predictions.shape[1] - 1)
    of_curve, sample = np.ogrid[: place.shape[0], : place.shape[1]]
    errors = samples.relative_errors(predictions[of_curve, place])
    errors[~judged] = 0.0
    errors[of_curve, sample, :, place + 1] = 0.0  # a fold does not judge what it leaves out
    totals = errors.sum(axis=1)
    blind = ~np.isfinite(totals).any(axis=1)
    return np.where(blind, BANDWIDTHS.size - 1, totals.argmin(axis=1))


def _moments(weight: FloatArray, distance: FloatArray, value: FloatArray) -> FloatArray:
    """Terms of the five sums of a weighted straight line, shape ``(5, …, u)``."""
    terms = np.empty((5, *weight.shape))
    terms[0] = weight
    np.multiply(weight, distance, out=terms[1])
    np.multiply(terms[1], distance, out=terms[2])
    np.multiply(weight, value, out=terms[3])
    np.multiply(terms[1], value, out=terms[4])
    return terms


def _line_at_zero(sums: FloatArray) -> FloatArray:
    """Intercept of the weighted straight line with the sums ``(5, …)``; its mean if upright."""
    w, wx, wxx, wy, wxy = sums
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        upright = w * wxx
        determinant = upright - wx**2
        seconds: FloatArray = (wxx * wy - wx * wxy) / determinant
        upright *= 1e-9
        flat = ~(determinant > upright)
        if flat.any():
            seconds[flat] = wy[flat] / w[flat]
    seconds[~(w > np.finfo(np.float64).tiny) | np.isnan(seconds)] = np.inf
    np.maximum(seconds, SMALLEST_S, out=seconds)
    return seconds
