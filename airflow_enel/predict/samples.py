"""Array types, and samples of (executors, seconds): validation, grouping by scale-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike
    from typing_extensions import Self

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.intp]

SMALLEST_S = 1e-9
"""Floor of every prediction, so that logarithms and ratios of it exist."""

_AT_ONCE = 4096
"""Samples × distinct scale-outs of a batch of curves: with more, arrays leave the cache."""


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
class Samples:
    """Samples of ``p`` curves, up to ``n`` each, grouped by up to ``u`` distinct scale-outs.

    A run's mean scale-out is seldom whole; samples belong to the nearest whole number, or every
    run would be a scale-out of its own. Curves with fewer samples or scale-outs have unused
    places at the end, whose executors are those of a used one.

    :param executors: ascending but for those of one group, ``(p, n)``
    :param runtime_s: 0 where unused, ``(p, n)``
    :param used: ``(p, n)``
    :param group: place of the distinct scale-out of each, ``(p, n)``
    :param sizes: distinct scale-outs, ascending, ``(p, u)``
    :param count: samples of each, 0 where unused, ``(p, u)``
    :param mean_s: their mean runtime, ``(p, u)``
    """

    executors: FloatArray
    runtime_s: FloatArray
    used: BoolArray
    group: IndexArray
    sizes: FloatArray
    count: FloatArray
    mean_s: FloatArray

    @classmethod
    def of(cls, executors: FloatArray, runtime_s: FloatArray, used: BoolArray) -> Self:
        """Group checked samples of shape ``(p, n)``, of which every curve uses at least one."""
        whole = np.where(used, np.maximum(np.rint(executors), 1.0), np.inf)
        order = np.argsort(whole, axis=1, kind="stable")[:, : used.sum(axis=1).max()]
        used = np.take_along_axis(used, order, axis=1)
        last = np.take_along_axis(order, used.sum(axis=1)[:, None] - 1, axis=1)
        order = np.where(used, order, last)
        whole, executors, runtime_s = (
            np.take_along_axis(values, order, axis=1) for values in (whole, executors, runtime_s)
        )
        group = np.zeros(used.shape, dtype=np.intp)
        np.cumsum(whole[:, 1:] > whole[:, :-1], axis=1, out=group[:, 1:])
        sizes = np.repeat(whole[:, -1:], group.max() + 1, axis=1)
        np.put_along_axis(sizes, group, whole, axis=1)
        runtime_s = np.where(used, runtime_s, 0.0)
        member = _member(group, used, sizes.shape[1])
        count = member.sum(axis=2)
        mean_s = (member @ runtime_s[:, :, None])[:, :, 0] / np.maximum(count, 1.0)
        return cls(executors, runtime_s, used, group, sizes, count, mean_s)

    @classmethod
    def of_one(cls, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Those of one curve, all used.

        :raises ValueError: as :func:`check_samples` does
        """
        x, y = check_samples(executors, runtime_s)
        return cls.of(x[None], y[None], np.ones((1, x.size), dtype=np.bool_))

    @property
    def distinct(self) -> IndexArray:
        """Number of distinct scale-outs of each curve, ``(p,)``."""
        return self.group[:, -1] + 1

    @property
    def member(self) -> FloatArray:
        """1 where a sample belongs to a distinct scale-out, ``(p, u, n)``."""
        return _member(self.group, self.used, self.sizes.shape[1])

    @property
    def interior(self) -> BoolArray:
        """Samples whose scale-out has others on both sides, ``(p, n)``.

        Leaving one of these scale-outs out asks for no extrapolation.
        """
        return self.used & (self.group > 0) & (self.group < self.group[:, -1:])

    def of_equal_sizes(self, at_least: int) -> Iterator[tuple[IndexArray, Self]]:
        """Batches of curves with the same number of distinct scale-outs, and their places."""
        distinct = self.distinct
        for sizes in np.unique(distinct[distinct >= at_least]):
            curves = np.flatnonzero(distinct == sizes)
            at_once = max(_AT_ONCE // (int(sizes) * self.used.shape[1]), 1)
            for begin in range(0, curves.size, at_once):
                chosen = curves[begin : begin + at_once]
                yield chosen, self.of_curves(chosen)

    def of_curves(self, places: IndexArray) -> Self:
        """Some of the curves, without places that none of them uses."""
        most = self.used[places].sum(axis=1).max(initial=0)
        sizes = self.distinct[places].max(initial=0)
        return type(self)(
            self.executors[places, :most],
            self.runtime_s[places, :most],
            self.used[places, :most],
            self.group[places, :most],
            self.sizes[places, :sizes],
            self.count[places, :sizes],
            self.mean_s[places, :sizes],
        )

    def relative_errors(self, predicted_s: FloatArray) -> FloatArray:
        """``|predicted / actual − 1|`` of ``(p, n, …)``, finite for runtimes of 0.

        The predictions are overwritten: they are most of what a cross-validation goes through.
        """
        floor = np.maximum(self.runtime_s.max(axis=1, keepdims=True) * SMALLEST_S, SMALLEST_S)
        scale = 1.0 / np.maximum(self.runtime_s, floor)
        predicted_s *= scale.reshape(*scale.shape, *(1 for _ in predicted_s.shape[2:]))
        predicted_s -= 1.0
        return np.abs(predicted_s, out=predicted_s)


def without_each_interior(sizes: int) -> FloatArray:
    """Folds of a cross-validation over distinct scale-outs: 1 where a fold keeps one.

    The first keeps all, the others leave one out that has others on both sides.

    :return: shape ``(1 + max(sizes − 2, 0), sizes)``
    """
    folds: FloatArray = np.concatenate([np.ones((1, sizes)), 1.0 - np.eye(sizes)[1:-1]])
    return folds


def _member(group: IndexArray, used: BoolArray, sizes: int) -> FloatArray:
    member: BoolArray = (group[:, None, :] == np.arange(sizes)[:, None]) & used[:, None, :]
    return member.astype(np.float64)
