"""Curves of all components of a job at once: the mean over shapes by their posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.cells import Cells, clipped
from airflow_enel.predict.curves.shape_posterior import ShapePosterior

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

SHORTEST_S: Final = 1e-3
"""Spark counts in milliseconds; what took none took less than one."""
FORGETTING: Final = 0.985
"""Weight of a run relative to the next one: half after 46 runs. Clusters and data change."""
_BANDWIDTH = 0.035  # of log executors: a correction reaches the next size or two
_BELIEVED_SPREAD = 0.07  # of residuals, at which a correction needs two runs to be half believed


@dataclass(frozen=True, slots=True)
class ComponentCurves:
    """Log seconds of ``m`` components over executors.

    ``log t(s) = Σ_k p_k · (level_k + log g_k(s)) + correction(s)``. The shapes g are those of
    :class:`~airflow_enel.predict.curves.shapes.Shapes` and
    :class:`~airflow_enel.predict.curves.cliffs.Cliffs`. Each gets its level, a cliff its height
    too, by a Student-t fit to the mean of the observations at each size, outliers cut off, and
    its probability p by Bayes:
    a component whose sizes say nothing is as likely flat as anything else, one slow size can be a
    cliff, and what no size contradicts stays uncertain (`log_sd`). The correction is the mean of
    the residuals at just these sizes, drawn to 0 where there are few or where they scatter.

    :param sizes: distinct observed scale-outs of all components, ``(u,)``
    :param mass: weight of the observations of each there, ``(u, m)``
    :param pull: the same times their residuals, ``(u, m)``
    :param shrink: runs that a correction needs to be half believed, ``(m,)``
    """

    posterior: ShapePosterior
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
        posterior = ShapePosterior.fit(sizes, seen)
        residual = np.where(there, log_s - posterior.mean(sizes)[seen.places], 0.0)
        limited, spread = clipped(residual, weight)
        pull = seen.sums(weight * limited)
        shrink = 1.0 + (spread / _BELIEVED_SPREAD) ** 2
        curves = cls(posterior, sizes, seen.mass, pull, shrink)
        kernel = _kernel(sizes, sizes)
        pulled, massed = (kernel @ pull)[seen.places], (kernel @ seen.mass)[seen.places]
        without = (pulled - weight * limited) / (massed - weight + shrink)
        change = without - pulled / (massed + shrink)
        return curves, np.where(there, residual - without, 0.0), np.where(there, change, 0.0)

    def at(self, executors: FloatArray) -> FloatArray:
        """Log seconds, ``(c, m)`` for executors ``(c,)``."""
        kernel = _kernel(executors, self.sizes)
        correction = (kernel @ self.pull) / (kernel @ self.mass + self.shrink)
        return self.posterior.mean(executors) + correction

    def log_sd(self, executors: FloatArray) -> FloatArray:
        """Standard deviation of the log seconds between the shapes, ``(c, m)`` as `at`."""
        log_sd: FloatArray = np.sqrt(self.posterior.variance(executors))
        return log_sd


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


def _kernel(executors: FloatArray, sizes: FloatArray) -> FloatArray:
    distance = np.log(executors)[:, None] - np.log(sizes)[None, :]
    kernel: FloatArray = np.exp(-0.5 * (distance / _BANDWIDTH) ** 2)
    return kernel
