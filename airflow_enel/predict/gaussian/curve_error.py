"""What the finished components of a run say of curves where past runs say little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.predict.samples import FloatArray

ALIKE: Final = 0.5
"""Distance of log executors at which errors of curves are still much alike."""
FARTHEST: Final = 4.0
"""A finished component says no more than that it was so many standard deviations off."""


@dataclass(frozen=True, slots=True)
class CurveError:
    """Common error of all curves, in units of how uncertain each is: Gaussian process over size.

    At a size that the job has never run with, all its components may be slower, or faster, than
    their curves say, such as below a cliff. A run that goes there shows it component by component.

    :param log_size: of the sizes that finished components ran at, ``(u,)``
    :param pull: ``(u,)``; empty if nothing is known
    """

    log_size: FloatArray
    pull: FloatArray

    @classmethod
    def of(
        cls,
        off: FloatArray,
        guess_log_sd: FloatArray,
        variance: FloatArray,
        level_variance: float,
        log_size: FloatArray,
    ) -> CurveError:
        """Learn from ``f`` finished components, ``(f,)`` each.

        :param off: log seconds less those of the curve
        :param guess_log_sd: how uncertain the curve is at that size
        :param variance: of the component's own deviation
        :param level_variance: of what makes a whole run slow or fast at any size
        :param log_size: log of its executors
        """
        sizes, place = np.unique(np.round(log_size, 6), return_inverse=True)
        own = variance + guess_log_sd**2
        limit = FARTHEST * np.sqrt(own + guess_log_sd**2 + level_variance)
        off = np.clip(off, -limit, limit)
        weight = np.bincount(place, 1.0 / own)
        mean_off = np.bincount(place, off / own) / weight
        mean_guess = np.bincount(place, guess_log_sd / own) / weight
        together = mean_guess[:, None] * mean_guess * _alike(sizes, sizes) + level_variance
        solved = np.linalg.solve(together + np.diag(1.0 / weight), mean_off)
        return cls(sizes, mean_guess * solved)

    def at(self, log_size: FloatArray) -> FloatArray:
        """The error at sizes ``(c,)``, in units of each curve's uncertainty."""
        error: FloatArray = _alike(log_size, self.log_size) @ self.pull
        return error


def _alike(some: FloatArray, others: FloatArray) -> FloatArray:
    distance = (some[:, None] - others[None, :]) / ALIKE
    alike: FloatArray = np.exp(-0.5 * distance**2)
    return alike
