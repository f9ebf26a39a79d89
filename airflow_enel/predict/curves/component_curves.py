"""Curves of all components of a job at once: Ernest plus a kernel-smoothed correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.ernest import ernest_features, fit_theta
from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

SHORTEST_S: Final = 1e-3
"""Spark counts in milliseconds; what took none took less than one."""
FORGETTING: Final = 0.985
"""Weight of a run relative to the next one: half after 46 runs. Clusters and data change."""
CLIP: Final = 3.0
"""Residuals beyond so many robust standard deviations count as if they were just there."""

_BANDWIDTH = 0.25  # of log executors: sizes a quarter apart are neighbours
_SHRINK = 1.0  # a correction needs as many runs nearby to be half believed
_NARROWEST = 0.05  # residuals closer than that are never outliers
_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class ComponentCurves:
    """Log seconds of ``m`` components over executors.

    ``log t(s) = log ernest(s) + level + correction(s)``. Ernest's θ ≥ 0 minimise the weighted
    *relative* error, because noise is a factor. With two or three distinct scale-outs only its
    serial and parallel part are told apart, with one half of the time is taken as parallel. The
    correction is the kernel-weighted mean of the residuals at neighbouring scale-outs, drawn to 0
    where there are few.

    :param theta: of Ernest, ``(4, m)``, with ``level`` in it
    :param sizes: distinct observed scale-outs of all components, ``(u,)``
    :param mass: weight of the observations of each there, ``(u, m)``
    :param pull: the same times their residuals, ``(u, m)``
    """

    theta: FloatArray
    sizes: FloatArray
    mass: FloatArray
    pull: FloatArray

    @classmethod
    def fit(
        cls, executors: FloatArray, log_s: FloatArray, weight: FloatArray
    ) -> tuple[Self, FloatArray, FloatArray]:
        """Learn from samples of shape ``(n, m)``; weight 0 where there is none.

        Every component needs at least one with a weight.

        :return: the curves; how far each sample is off the curve as it would be without the
            sample in its correction, ``(n, m)``; and what that changes of the curve, ``(n, m)``;
            both 0 where there is no sample
        """
        sizes, index = np.unique(np.maximum(np.rint(executors), 1.0), return_inverse=True)
        index = index.reshape(weight.shape)
        cells = (index, np.arange(weight.shape[1])[None, :])
        mass, pull = np.zeros((2, sizes.size, weight.shape[1]))
        np.add.at(mass, cells, weight)
        theta = _theta(sizes, index, log_s, weight, (mass > 0).sum(axis=0))
        residual = np.where(weight > 0, log_s - _ernest(theta, sizes)[cells], 0.0)
        limited = clipped(residual, weight)
        np.add.at(pull, cells, weight * limited)
        curves = cls(theta, sizes, mass, pull)
        kernel = _kernel(sizes, sizes)
        pulled, massed = (kernel @ pull)[cells], (kernel @ mass)[cells]
        without = (pulled - weight * limited) / (massed - weight + _SHRINK)
        change = without - pulled / (massed + _SHRINK)
        there = weight > 0
        return curves, np.where(there, residual - without, 0.0), np.where(there, change, 0.0)

    def at(self, executors: FloatArray) -> FloatArray:
        """Log seconds, ``(c, m)`` for executors ``(c,)``."""
        kernel = _kernel(executors, self.sizes)
        correction = (kernel @ self.pull) / (kernel @ self.mass + _SHRINK)
        return _ernest(self.theta, executors) + correction


def clipped(residual: FloatArray, weight: FloatArray) -> FloatArray:
    """Residuals ``(n, m)`` without what lies far outside the others of the same column."""
    known = np.where(weight > 0, residual, np.nan)
    middle = median_of_columns(known)
    spread = _TO_SIGMA * median_of_columns(np.abs(known - middle))
    reach = CLIP * np.maximum(spread, _NARROWEST)
    return np.clip(np.where(weight > 0, residual, 0.0), middle - reach, middle + reach)


def _theta(
    sizes: FloatArray,
    index: NDArray[np.intp],
    log_s: FloatArray,
    weight: FloatArray,
    distinct: NDArray[np.intp],
) -> FloatArray:
    """θ of every component, ``(4, m)``.

    :param sizes: scale-outs, ``(u,)``
    :param index: which of them each sample had, ``(n, m)``
    :param distinct: how many of them each component was seen at, ``(m,)``
    """
    # What can be told apart: all parts from four sizes on, below that serial and parallel ones.
    apart = np.where(distinct[:, None] > 3, True, np.arange(4) < 2)  # noqa: PLR2004
    rows = np.empty((*weight.shape[::-1], 5))
    features = (ernest_features(sizes)[index] * apart).swapaxes(0, 1)
    target = fitted = log_s
    for _ in range(2):  # relative to the observed seconds first, then to the fitted ones
        relative = np.sqrt(weight) * np.exp(-fitted)
        rows[..., :4] = features * relative.T[:, :, None]
        rows[..., 4] = (np.sqrt(weight) * np.exp(target - fitted)).T
        products = rows.swapaxes(1, 2) @ rows
        theta = np.where(distinct[:, None] > 1, fit_theta(products), _half_parallel(products)).T
        fitted = np.take_along_axis(_ernest(theta, sizes), index, axis=0)
        residual = clipped(log_s - fitted, weight)
        target = fitted + residual
    level = (weight * residual).sum(axis=0) / weight.sum(axis=0)
    theta *= np.exp(level)
    return theta


def _half_parallel(products: FloatArray) -> FloatArray:
    """θ of components that were seen at one scale-out only, ``(m, 4)``.

    :param products: of Ernest's features and the seconds with each other, ``(m, 5, 5)``
    """
    half_s = products[:, 0, 4] / products[:, 0, 0] / 2
    size = products[:, 0, 0] / products[:, 0, 1]
    return np.stack([half_s, half_s * size, *np.zeros((2, half_s.size))], axis=1)


def _kernel(executors: FloatArray, sizes: FloatArray) -> FloatArray:
    distance = np.log(executors)[:, None] - np.log(sizes)[None, :]
    kernel: FloatArray = np.exp(-0.5 * (distance / _BANDWIDTH) ** 2)
    return kernel


def _ernest(theta: FloatArray, executors: FloatArray) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(ernest_features(executors) @ theta, SHORTEST_S))
    return logs
