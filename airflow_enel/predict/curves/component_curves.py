"""Curves of all components of a job at once: the mean over shapes by their posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.shapes import Shapes
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
"""Samples beyond so many robust standard deviations count as if they were just there."""
DEGREES: Final = 8.0
"""Of freedom of Student's t, by which a size that fits no shape moves the others little."""

_NOISE, _NOISE_RUNS = 0.1, 1.0  # what is assumed of the noise, as if so many runs had shown it
_LEAST_NOISE = 0.02
_ROUNDS = 3  # of reweighting; more change the third digit
_BANDWIDTH = 0.035  # of log executors: a correction reaches the next size or two
_BELIEVED_SPREAD = 0.07  # of residuals, at which a correction needs two runs to be half believed
_NARROWEST = 0.05  # residuals closer than that are never outliers
_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class ComponentCurves:
    """Log seconds of ``m`` components over executors.

    ``log t(s) = Σ_k p_k · (level_k + log g_k(s)) + correction(s)``. The shapes g are those of
    :class:`~airflow_enel.predict.curves.shapes.Shapes`. Each gets its level by a Student-t fit to
    the mean of the observations at each size, outliers cut off, and its probability p by Bayes:
    a component whose sizes say nothing is as likely flat as anything else, one slow size can be a
    cliff, and what no size contradicts stays uncertain (`log_sd`). The correction is the mean of
    the residuals at just these sizes, drawn to 0 where there are few or where they scatter.

    :param level: of each shape and component, ``(k, m)``
    :param probability: likewise, its sum over shapes is 1
    :param sizes: distinct observed scale-outs of all components, ``(u,)``
    :param mass: weight of the observations of each there, ``(u, m)``
    :param pull: the same times their residuals, ``(u, m)``
    :param shrink: runs that a correction needs to be half believed, ``(m,)``
    """

    shapes: Shapes
    level: FloatArray
    probability: FloatArray
    sizes: FloatArray
    mass: FloatArray
    pull: FloatArray
    shrink: FloatArray

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
        there = weight > 0
        seen = Cells.of(index, sizes.size, log_s, weight)
        shapes = Shapes.of(sizes[seen.mass.any(axis=1)])
        level, probability = _posterior(shapes, sizes, seen)
        smooth = _mean(shapes.log_at(sizes), level, probability)
        residual = np.where(there, log_s - smooth[seen.places], 0.0)
        limited, spread = clipped(residual, weight)
        pull = seen.sums(weight * limited)
        shrink = 1.0 + (spread / _BELIEVED_SPREAD) ** 2
        curves = cls(shapes, level, probability, sizes, seen.mass, pull, shrink)
        kernel = _kernel(sizes, sizes)
        pulled, massed = (kernel @ pull)[seen.places], (kernel @ seen.mass)[seen.places]
        without = (pulled - weight * limited) / (massed - weight + shrink)
        change = without - pulled / (massed + shrink)
        return curves, np.where(there, residual - without, 0.0), np.where(there, change, 0.0)

    def at(self, executors: FloatArray) -> FloatArray:
        """Log seconds, ``(c, m)`` for executors ``(c,)``."""
        kernel = _kernel(executors, self.sizes)
        correction = (kernel @ self.pull) / (kernel @ self.mass + self.shrink)
        return _mean(self.shapes.log_at(executors), self.level, self.probability) + correction

    def log_sd(self, executors: FloatArray) -> FloatArray:
        """Standard deviation of the log seconds between the shapes, ``(c, m)`` as `at`."""
        logs = self.shapes.log_at(executors)
        levels = self.level * self.probability
        square = (logs**2).T @ self.probability + 2.0 * logs.T @ levels
        square += (self.level * levels).sum(axis=0)
        variance = square - _mean(logs, self.level, self.probability) ** 2
        log_sd: FloatArray = np.sqrt(np.maximum(variance, 0.0))
        return log_sd


@dataclass(frozen=True, slots=True)
class Cells:
    """Samples of ``m`` components, gathered by size.

    :param places: index of the size and column of each sample, each ``(n, m)``
    :param mass: weight at each size, ``(u, m)``
    :param mean: log seconds there without outliers, 0 where there is no sample, ``(u, m)``
    """

    places: tuple[NDArray[np.intp], NDArray[np.intp]]
    mass: FloatArray
    mean: FloatArray

    @classmethod
    def of(cls, index: NDArray[np.intp], sizes: int, log_s: FloatArray, weight: FloatArray) -> Self:
        """Gather samples ``(n, m)`` whose sizes have these numbers."""
        columns = np.broadcast_to(np.arange(weight.shape[1])[None, :], weight.shape)
        empty = np.zeros((sizes, weight.shape[1]))
        cells = cls((index, columns), empty, empty)
        mass = cells.sums(weight)
        middle = _medians(index, sizes, log_s, weight)
        limited, _ = clipped(np.where(weight > 0, log_s - middle[cells.places], 0.0), weight)
        mean = middle + cells.sums(weight * limited) / np.where(mass > 0, mass, 1.0)
        return cls(cells.places, mass, mean)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of values ``(n, m)`` at each size, ``(u, m)``."""
        found = np.zeros_like(self.mass)
        np.add.at(found, self.places, values)
        return found


def log_seconds(seconds: FloatArray) -> FloatArray:
    """Logarithms of seconds, NaN where they are."""
    logs: FloatArray = np.log(np.maximum(seconds, SHORTEST_S))
    return logs


def curves_at(shapes: ComponentCurves, executors: FloatArray) -> FloatArray:
    """Log seconds of all components at the whole numbers next to ``(k,)`` executors, ``(k, m)``."""
    sizes, index = np.unique(np.maximum(np.rint(executors), 1.0), return_inverse=True)
    return shapes.at(sizes)[index.ravel()]


def curves_of(shapes: ComponentCurves, executors: FloatArray) -> FloatArray:
    """Log seconds of each component at executors of its own, ``(k, m)``; any where they are NaN."""
    whole = np.maximum(np.rint(np.nan_to_num(executors)), 1.0)
    sizes, index = np.unique(whole, return_inverse=True)
    columns = np.arange(executors.shape[1])[None, :]
    found: FloatArray = shapes.at(sizes)[index.reshape(executors.shape), columns]
    return found


def clipped(residual: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Residuals ``(n, m)`` without what lies far outside the others of the same column.

    :return: the residuals, and their robust standard deviation ``(m,)``
    """
    known = np.where(weight > 0, residual, np.nan)
    middle = median_of_columns(known)
    spread = np.maximum(_TO_SIGMA * median_of_columns(np.abs(known - middle)), _NARROWEST)
    reach = CLIP * spread
    limited = np.clip(np.where(weight > 0, residual, 0.0), middle - reach, middle + reach)
    return limited, spread


def _medians(
    index: NDArray[np.intp], sizes: int, log_s: FloatArray, weight: FloatArray
) -> FloatArray:
    """Median log seconds of each component at each size, 0 where there is none, ``(u, m)``."""
    runs, columns = np.nonzero(weight > 0)
    size, value = index[runs, columns], log_s[runs, columns]
    cell = size * weight.shape[1] + columns
    order = np.lexsort((value, cell))
    cell, value = cell[order], value[order]
    names, begin, count = np.unique(cell, return_index=True, return_counts=True)
    middle = (value[begin + (count - 1) // 2] + value[begin + count // 2]) / 2
    medians = np.zeros(sizes * weight.shape[1])
    medians[names] = middle
    return medians.reshape(sizes, weight.shape[1])


def _posterior(shapes: Shapes, sizes: FloatArray, seen: Cells) -> tuple[FloatArray, FloatArray]:
    """Level and probability of each shape for each component, ``(k, m)`` each."""
    residual = seen.mean[None] - shapes.log_at(sizes)[:, :, None]  # (k, u, m)
    total = seen.mass.sum(axis=0)
    weight = np.broadcast_to(seen.mass, residual.shape)
    for _ in range(_ROUNDS):
        level = (weight * residual).sum(axis=1) / weight.sum(axis=1)
        square = (residual - level[:, None]) ** 2
        noise = (weight * square).sum(axis=1) + _NOISE_RUNS * _NOISE**2
        noise = np.maximum(noise / (total + _NOISE_RUNS), _LEAST_NOISE**2)
        excess = square / (DEGREES * noise[:, None])
        weight = seen.mass * (1.0 + 1.0 / DEGREES) / (1.0 + excess)
    log_likelihood = -0.5 * (DEGREES + 1.0) * (seen.mass * np.log1p(excess)).sum(axis=1)
    log_likelihood -= 0.5 * (total + _NOISE_RUNS) * np.log(noise)
    probability = shapes.prior[:, None] * np.exp(log_likelihood - log_likelihood.max(axis=0))
    return level, probability / probability.sum(axis=0)


def _mean(logs: FloatArray, level: FloatArray, probability: FloatArray) -> FloatArray:
    """Log seconds over the shapes ``(k, c)``, ``(c, m)``."""
    mean: FloatArray = logs.T @ probability + (level * probability).sum(axis=0)
    return mean


def _kernel(executors: FloatArray, sizes: FloatArray) -> FloatArray:
    distance = np.log(executors)[:, None] - np.log(sizes)[None, :]
    kernel: FloatArray = np.exp(-0.5 * (distance / _BANDWIDTH) ** 2)
    return kernel
