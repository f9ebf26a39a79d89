"""Bell's curve: selects Ernest or kernel regression by cross-validation over scale-outs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.curves.ernest import Ernest
from airflow_enel.predict.curves.kernel_regression import KernelRegression, cross_validate
from airflow_enel.predict.samples import (
    SMALLEST_S,
    FloatArray,
    Levels,
    check_executors,
    check_samples,
    relative_errors,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

MEAN_UP_TO = 2
"""Distinct scale-outs up to which the mean of all runtimes is the model."""
ERNEST_UP_TO = 5
"""Distinct scale-outs up to which Ernest is the model without a competition."""


class Bell:
    """Parametric where data are few or far, non-parametric where they are many and near.

    ≤ 2 distinct scale-outs: the mean runtime; ≤ 5: :class:`Ernest`; otherwise each interior
    scale-out in turn is left out, the model with the smaller mean relative error on what was
    left out wins and is fitted again on all samples. It answers inside the observed range,
    Ernest outside. Fractional executors are told apart by the nearest whole number.
    Source: Thamsen et al., "Selecting Resources for Distributed Dataflow Systems According to
    Runtime Targets", IPCCC 2016.

    *Shapes*: ``fit`` takes executors and seconds ``(n,)``, n ≥ 1; ``predict`` takes executors
    ``(m,)`` and gives seconds ``(m,)``.
    """

    def __init__(self) -> None:
        self.model: str | None = None
        self.observed: tuple[float, float] | None = None
        self._mean_s = SMALLEST_S
        self._ernest = Ernest()
        self._kernel = KernelRegression()

    def __repr__(self) -> str:
        return f"Bell(model={self.model!r}, observed={self.observed})"

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Choose the model and fit it on all samples; it becomes ``self.model``.

        :raises ValueError: if there are no samples or unusable ones
        """
        x, y = check_samples(executors, runtime_s)
        levels = Levels.of(x, y)
        self.observed = (float(x.min()), float(x.max()))
        self.model = "ernest"
        if levels.executors.size <= MEAN_UP_TO:
            self.model = "mean"
            self._mean_s = max(float(y.mean()), SMALLEST_S)
            return self
        if levels.executors.size > ERNEST_UP_TO:
            kernel_error = _error(levels, y, cross_validate(levels, y)[levels.index])
            if kernel_error < _error(levels, y, _ernest_cross_validated(levels, x, y)):
                self.model = "kernel"
                self._kernel = KernelRegression().fit(x, y)
        self._ernest = Ernest().fit(x, y)
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self.model is None or self.observed is None:
            raise ValueError("call fit before predict")
        asked = check_executors(executors)
        if self.model == "mean":
            return np.full(asked.shape, self._mean_s)
        seconds = self._ernest.predict(asked)
        if self.model == "kernel":
            inside = (asked >= self.observed[0]) & (asked <= self.observed[1])
            seconds[inside] = self._kernel.predict(asked[inside])
        return seconds


def _ernest_cross_validated(levels: Levels, x: FloatArray, y: FloatArray) -> FloatArray:
    """Seconds at every sample of an interior scale-out by a fit without it; others NaN."""
    predicted = np.full(y.shape, np.nan)
    for level in levels.interior:
        out = levels.index == level
        predicted[out] = Ernest().fit(x[~out], y[~out]).predict(x[out])
    return predicted


def _error(levels: Levels, runtime_s: FloatArray, predicted_s: FloatArray) -> float:
    """Mean relative error over the samples of interior scale-outs."""
    judged = np.isin(levels.index, levels.interior)
    return float(relative_errors(predicted_s[judged], runtime_s[judged]).mean())
