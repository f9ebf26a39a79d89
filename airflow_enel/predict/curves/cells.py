"""Samples of components gathered by size, without what lies far outside the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

CLIP: Final = 3.0
"""Samples beyond so many robust standard deviations count as if they were just there."""

_NARROWEST = 0.05  # residuals closer than that are never outliers
_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Cells:
    """Samples of ``m`` components, gathered by size.

    :param places: index of the size and column of each sample, each ``(n, m)``
    :param mass: weight at each size, ``(u, m)``
    :param mean: log seconds there without outliers, 0 where there is no sample, ``(u, m)``
    :param scatter: sum of the weighted squares by which samples are off these means, ``(m,)``
    """

    places: tuple[NDArray[np.intp], NDArray[np.intp]]
    mass: FloatArray
    mean: FloatArray
    scatter: FloatArray

    @classmethod
    def of(cls, index: NDArray[np.intp], sizes: int, log_s: FloatArray, weight: FloatArray) -> Self:
        """Gather samples ``(n, m)`` whose sizes have these numbers."""
        columns = np.broadcast_to(np.arange(weight.shape[1])[None, :], weight.shape)
        empty = np.zeros((sizes, weight.shape[1]))
        cells = cls((index, columns), empty, empty, empty[0])
        mass = cells.sums(weight)
        middle = _medians(index, sizes, log_s, weight)
        limited, _ = clipped(np.where(weight > 0, log_s - middle[cells.places], 0.0), weight)
        off = cells.sums(weight * limited) / np.where(mass > 0, mass, 1.0)
        scatter = (weight * (limited - off[cells.places]) ** 2).sum(axis=0)
        return cls(cells.places, mass, middle + off, scatter)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum of values ``(n, m)`` at each size, ``(u, m)``."""
        index, columns = self.places
        cells = index * self.mass.shape[1] + columns
        found = np.bincount(cells.ravel(), values.ravel(), self.mass.size)
        return found.astype(np.float64, copy=False).reshape(self.mass.shape)


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
