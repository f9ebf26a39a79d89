"""Ernest's parametric curve of runtime over scale-out, fitted by non-negative least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.nonnegative import nonnegative_least_squares
from airflow_enel.predict.samples import SMALLEST_S, FloatArray, Samples, check_executors

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

_PREFERRED: Final = (1, 0, 3, 2)
"""Parts of the curve in the order in which they are preferred where several do equally well."""


class Ernest:
    """Serial part, parallel part, tree aggregation and per-executor overhead, none negative.

    ``t(s) = θ0 + θ1/s + θ2·log s + θ3·s`` with ``θ ≥ 0`` by non-negative least squares.
    Source: Venkataraman et al., "Ernest: Efficient Performance Prediction for Large-Scale
    Advanced Analytics", NSDI 2016.

    *Shapes*: ``fit`` takes executors and seconds ``(n,)``, n ≥ 1; ``predict`` takes executors
    ``(m,)`` and gives seconds ``(m,)``.
    """

    def __init__(self) -> None:
        self.theta: FloatArray | None = None

    def __repr__(self) -> str:
        theta = None if self.theta is None else [float(f"{t:.4g}") for t in self.theta]
        return f"Ernest(theta={theta})"

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Learn θ.

        :raises ValueError: if there are no samples or unusable ones
        """
        samples = Samples.of_one(executors, runtime_s)
        self.theta = fit_folds(samples, np.ones((1, samples.sizes.shape[1])))[0, 0]
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self.theta is None:
            raise ValueError("call fit before predict")
        return ernest_seconds(self.theta, check_executors(executors))


def fit_folds(samples: Samples, keep: FloatArray) -> FloatArray:
    """θ of every curve in every fold.

    :param samples: of ``p`` curves at ``u`` distinct scale-outs
    :param keep: 1 where a fold may see the samples of a distinct scale-out, ``(folds, u)``
    :return: shape ``(p, folds, 4)``
    """
    unit_s = np.maximum(samples.runtime_s.max(axis=1), SMALLEST_S)
    rows = np.empty((5, *samples.executors.shape))
    rows[:4] = np.moveaxis(ernest_features(samples.executors), -1, 0)
    rows[4] = samples.runtime_s / unit_s[:, None]
    products = (rows[:, None] * rows).reshape(25, *samples.executors.shape)
    of_sizes = samples.member @ products.transpose(1, 2, 0)
    of_folds = (keep @ of_sizes).reshape(-1, 5, 5)
    theta = fit_theta(of_folds).reshape(unit_s.size, keep.shape[0], 4)
    scaled: FloatArray = theta * unit_s[:, None, None]
    return scaled


def fit_theta(products: FloatArray) -> FloatArray:
    """θ ≥ 0 of least squares, ``(p, 4)``.

    :param products: of Ernest's features and the seconds with each other, see
        :func:`~airflow_enel.predict.curves.nonnegative.nonnegative_least_squares`, ``(p, 5, 5)``
    """
    order = np.array([*_PREFERRED, 4])
    theta = np.empty((len(products), 4))
    theta[:, _PREFERRED] = nonnegative_least_squares(products[:, order[:, None], order])
    return theta


def ernest_features(executors: FloatArray) -> FloatArray:
    """``[1, 1/s, log s, s]`` of executors ``(…)``, ``(…, 4)``."""
    x = executors
    return np.stack([np.ones_like(x), 1.0 / x, np.log(x), x], axis=-1)


def ernest_seconds(theta: FloatArray, executors: FloatArray) -> FloatArray:
    """Seconds > 0 of curves with θ ``(…, 4)`` at executors ``(…)``."""
    seconds: FloatArray = (ernest_features(executors) * theta).sum(axis=-1)
    return np.maximum(seconds, SMALLEST_S)
