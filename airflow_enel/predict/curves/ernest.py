"""Ernest's parametric curve of runtime over scale-out, fitted by non-negative least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls  # type: ignore[import-untyped]

from airflow_enel.predict.samples import SMALLEST_S, FloatArray, check_executors, check_samples

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self


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
        x, y = check_samples(executors, runtime_s)
        unit_s = max(float(y.max()), SMALLEST_S)
        self.theta = fit_theta(ernest_features(x), y / unit_s) * unit_s
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self.theta is None:
            raise ValueError("call fit before predict")
        seconds: FloatArray = np.maximum(
            ernest_features(check_executors(executors)) @ self.theta, 0.0
        )
        return np.maximum(seconds, SMALLEST_S)


def fit_theta(features: FloatArray, target: FloatArray) -> FloatArray:
    """Coefficients ≥ 0 of the least squares ``features @ theta = target``, ``(k,)``.

    :param features: one row per sample, the first column that of the constant, ``(n, k)``
    :param target: of about 1, far from the tolerances of the solver, ``(n,)``
    """
    norms = np.linalg.norm(features, axis=0)
    norms[norms == 0] = 1.0  # log 1 = 0: a column can vanish
    try:
        theta, _ = nnls(features / norms, target, maxiter=200)
    except RuntimeError:  # it circles on nearly equal columns, then a constant must do
        theta = np.zeros(norms.size)
        theta[0] = float(features[:, 0] @ target) / norms[0]
    fitted: FloatArray = theta / norms
    return fitted


def ernest_features(executors: FloatArray) -> FloatArray:
    """``[1, 1/s, log s, s]`` of executors ``(n,)``, ``(n, 4)``."""
    x = executors
    return np.stack([np.ones_like(x), 1.0 / x, np.log(x), x], axis=1)
