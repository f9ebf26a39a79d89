"""Seconds of a component over executors, with as few terms as its samples pay for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.nonnegative import nonnegative_least_squares
from airflow_enel.predict.spread import FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_enel.predict.samples import FloatArray

SMALLEST_S: Final = 1e-3
"""Spark's clock is in milliseconds."""

_MOST_CACHES: Final = 16
_BELOW_CACHE: Final = 2
_REWEIGHTED: Final = 4
_PRIOR_SAMPLES: Final = 2.0


@dataclass(frozen=True, slots=True)
class ComponentCurve:
    """Seconds of a component at s executors.

    ``fixed_s + parallel_s/s + per_executor_s·s + cache_s·max(0, 1 − s/cache_executors)``; the last
    is what a component loses while its cached data do not fit.

    :param cache_executors: that hold all cached data, 0 without such a loss
    """

    fixed_s: float
    parallel_s: float
    per_executor_s: float
    cache_s: float
    cache_executors: float

    def seconds(self, executors: FloatArray) -> FloatArray:
        """Seconds, > 0, in the shape of the executors."""
        theta = np.array([self.fixed_s, self.parallel_s, self.per_executor_s, self.cache_s])
        seconds: FloatArray = _features(executors, self.cache_executors) @ theta
        return np.maximum(seconds, SMALLEST_S)


@dataclass(frozen=True, slots=True)
class _Terms:
    """Which terms a curve has.

    :param used: 1 for each that it has
    :param cache_executors: see `ComponentCurve`
    :param count: how many numbers are chosen for it
    """

    used: tuple[int, int, int, int]
    cache_executors: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.used) + (self.cache_executors > 0)


_TERMS: Final = (_Terms((1, 0, 0, 0)), _Terms((1, 1, 0, 0)), _Terms((1, 1, 1, 0)))


def _features(executors: FloatArray, cache_executors: float) -> FloatArray:
    """``[1, 1/s, s, max(0, 1 − s/cache)]`` of executors ``(n,)``, ``(n, 4)``."""
    missing = 1 - executors / cache_executors if cache_executors else np.zeros_like(executors)
    columns = [np.ones_like(executors), 1 / executors, executors, np.maximum(missing, 0.0)]
    return np.stack(columns, axis=-1)


def best_curve(executors: FloatArray, seconds: FloatArray, pairs: int) -> ComponentCurve:
    """The curve with the least information criterion.

    :param pairs: of a run and a size
    """
    candidates = (*_TERMS, *_with_cache(executors))
    prior = _PRIOR_SAMPLES * FLOOR**2

    def score(terms: _Terms, curve: ComponentCurve) -> float:
        errors = np.log(seconds / curve.seconds(executors))
        variance = (pairs * np.mean(errors**2) + prior) / (pairs + _PRIOR_SAMPLES)
        return float((pairs + _PRIOR_SAMPLES) * np.log(variance) + terms.count * np.log(pairs))

    fitted = zip(candidates, _curves(executors, seconds, candidates), strict=True)
    return min(fitted, key=lambda pair: score(*pair))[1]


def _with_cache(executors: FloatArray) -> Iterator[_Terms]:
    """Terms of a cache that fits from one of the sizes on, for which sizes below it are needed."""
    sizes = np.unique(np.rint(executors))[_BELOW_CACHE:]
    step = max(1, -(-sizes.size // _MOST_CACHES))
    for size in sizes[::step].tolist():
        yield _Terms((1, 1, 0, 1), size)


def _curves(
    executors: FloatArray, seconds: FloatArray, candidates: Sequence[_Terms]
) -> list[ComponentCurve]:
    """Least squares of relative errors; each curve runs through the middle on the log scale."""
    features = np.stack([_features(executors, c.cache_executors) * c.used for c in candidates])
    predicted = target = np.broadcast_to(seconds, features.shape[:-1])
    for _ in range(_REWEIGHTED):
        rows = np.concatenate([features, target[..., None]], axis=-1) / predicted[..., None]
        theta = nonnegative_least_squares(rows.swapaxes(1, 2) @ rows)
        predicted = np.maximum((features @ theta[..., None])[..., 0], SMALLEST_S)
    middle = np.exp(np.mean(np.log(target / predicted), axis=1))
    sizes = np.array([[terms.cache_executors] for terms in candidates])
    fitted = np.concatenate([theta * middle[:, None], sizes], axis=1)
    return [ComponentCurve(*values) for values in fitted.tolist()]
