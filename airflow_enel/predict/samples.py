"""Array types, and samples of (executors, seconds): validation, grouping by scale-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]

SMALLEST_S = 1e-9
"""Floor of every prediction, so that logarithms and ratios of it exist."""


def check_executors(executors: ArrayLike) -> FloatArray:
    """Executors as a new array of shape ``(m,)``.

    :raises ValueError: unless all are finite and > 0
    """
    checked = np.array(executors, dtype=np.float64, ndmin=1)
    if checked.ndim != 1 or not np.all(np.isfinite(checked) & (checked > 0)):
        raise ValueError("executors must be finite and greater than 0; leave out other samples")
    return checked


def check_samples(executors: ArrayLike, runtime_s: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Executors and seconds as new arrays of one shape ``(n,)``, n ≥ 1.

    :raises ValueError: if there are none, their numbers differ, or one is unusable
    """
    x, y = check_executors(executors), np.array(runtime_s, dtype=np.float64, ndmin=1)
    if x.shape != y.shape or not x.size:
        raise ValueError("give one runtime per number of executors, and at least one of them")
    if not np.all(np.isfinite(y) & (y >= 0)):
        raise ValueError("runtimes must be finite seconds, not negative; leave out other samples")
    return x, y


def relative_errors(predicted_s: FloatArray, runtime_s: FloatArray) -> FloatArray:
    """``|predicted / actual − 1|`` of arrays that broadcast, finite for runtimes of 0."""
    floor = max(float(runtime_s.max()) * SMALLEST_S, SMALLEST_S)
    actual = np.maximum(runtime_s, floor)
    errors: FloatArray = np.abs(predicted_s - actual) / actual
    return errors


def median_of_columns(values: FloatArray) -> FloatArray:
    """Medians of columns without their NaNs, ``(m,)``; numpy's own takes ten times as long."""
    ordered = np.sort(values, axis=0)
    count = (~np.isnan(values)).sum(axis=0)
    low, high = (np.maximum(count - 1, 0) // 2)[None, :], (count // 2)[None, :]
    high = np.minimum(high, np.maximum(count - 1, 0))
    pair = np.take_along_axis(ordered, np.concatenate([low, high]), axis=0)
    middle: FloatArray = pair.mean(axis=0)
    return middle


@dataclass(frozen=True, slots=True)
class Levels:
    """Samples grouped by scale-out: ``u`` distinct ones among ``n`` samples.

    A run's mean scale-out is seldom whole; samples belong to the nearest whole number, or every
    run would be a scale-out of its own.

    :param executors: distinct scale-outs, ascending, shape ``(u,)``
    :param index: the group of every sample, shape ``(n,)``
    :param count: samples per group, shape ``(u,)``
    :param mean_s: mean runtime per group, shape ``(u,)``
    """

    executors: FloatArray
    index: NDArray[np.intp]
    count: FloatArray
    mean_s: FloatArray

    @classmethod
    def of(cls, executors: FloatArray, runtime_s: FloatArray) -> Self:
        """Group checked samples of shape ``(n,)``."""
        whole = np.maximum(np.rint(executors), 1.0)
        distinct, index = np.unique(whole, return_inverse=True)
        count = np.bincount(index).astype(np.float64)
        return cls(distinct, index, count, np.bincount(index, weights=runtime_s) / count)

    @property
    def interior(self) -> NDArray[np.intp]:
        """Groups that have others on both sides: leaving one out asks for no extrapolation."""
        return np.arange(1, self.executors.size - 1)
