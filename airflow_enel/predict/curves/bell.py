"""Bell's curve: selects Ernest or kernel regression by cross-validation over scale-outs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.curves.ernest import ernest_seconds, fit_folds
from airflow_enel.predict.curves.kernel_regression import KernelCurves, cross_validate
from airflow_enel.predict.samples import (
    BoolArray,
    FloatArray,
    IndexArray,
    Samples,
    check_executors,
    without_each_interior,
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

    One curve, as :class:`BellCurves` fits it: ≤ 2 distinct scale-outs: the mean runtime; ≤ 5:
    :class:`~airflow_enel.predict.curves.ernest.Ernest`; otherwise each interior scale-out in turn
    is left out, the model with the smaller mean relative error on what was left out wins and is
    fitted again on all samples. It answers inside the observed range, Ernest outside. Fractional
    executors are told apart by the nearest whole number.
    Source: Thamsen et al., "Selecting Resources for Distributed Dataflow Systems According to
    Runtime Targets", IPCCC 2016.

    *Shapes*: ``fit`` takes executors and seconds ``(n,)``, n ≥ 1; ``predict`` takes executors
    ``(m,)`` and gives seconds ``(m,)``.
    """

    def __init__(self) -> None:
        self._fitted: BellCurves | None = None

    def __repr__(self) -> str:
        return f"Bell(model={self.model!r}, observed={self.observed})"

    @property
    def model(self) -> str | None:
        """The model that was chosen: mean, ernest or kernel; None before it is fitted."""
        return None if self._fitted is None else self._fitted.models[0]

    @property
    def observed(self) -> tuple[float, float] | None:
        """Least and most executors of the samples, None before it is fitted."""
        if self._fitted is None:
            return None
        low, high = self._fitted.observed[0].tolist()
        return low, high

    def fit(self, executors: ArrayLike, runtime_s: ArrayLike) -> Self:
        """Choose the model and fit it on all samples; it becomes ``self.model``.

        :raises ValueError: if there are no samples or unusable ones
        """
        self._fitted = BellCurves.fit(Samples.of_one(executors, runtime_s))
        return self

    def predict(self, executors: ArrayLike) -> FloatArray:
        """Seconds, finite and > 0.

        :raises ValueError: if it was not fitted, or executors are not finite and > 0
        """
        if self._fitted is None:
            raise ValueError("call fit before predict")
        seconds: FloatArray = self._fitted.at(check_executors(executors)[None])[0]
        return seconds


@dataclass(frozen=True, slots=True)
class BellCurves:
    """:class:`Bell` of ``p`` curves at once, each as if it were alone.

    :param theta: Ernest's, a constant for those that are the mean, ``(p, 4)``
    :param observed: least and most executors of the samples of each, ``(p, 2)``
    :param kernel_wins: whether the kernel regression answers inside the observed range, ``(p,)``
    :param kernel: of all curves; without meaning for those where it does not win
    """

    theta: FloatArray
    observed: FloatArray
    kernel_wins: BoolArray
    kernel: KernelCurves

    @classmethod
    def fit(cls, samples: Samples) -> Self:
        """Choose the model of each curve and fit it on all its samples."""
        curves, sizes = samples.sizes.shape
        ernest = fit_folds(samples, without_each_interior(sizes))
        mean_s = samples.runtime_s.sum(axis=1) / samples.used.sum(axis=1)
        is_mean = samples.distinct[:, None] <= MEAN_UP_TO
        theta = np.where(is_mean, mean_s[:, None] * (np.arange(4) == 0), ernest[:, 0])
        bandwidth, kernel_s = np.ones(curves), np.full((curves, sizes), np.nan)
        for places, alike in samples.of_equal_sizes(at_least=ERNEST_UP_TO + 1):
            found = cross_validate(alike)
            bandwidth[places], kernel_s[places, : alike.sizes.shape[1]] = found
        kernel_wins = _kernel_is_better(samples, ernest, kernel_s)
        observed = np.stack([samples.executors.min(axis=1), samples.executors.max(axis=1)], axis=1)
        return cls(theta, observed, kernel_wins, KernelCurves(bandwidth, samples))

    @property
    def models(self) -> list[str]:
        """Name of the model of each."""
        distinct = self.kernel.samples.distinct
        by_size = np.where(distinct <= MEAN_UP_TO, "mean", "ernest")
        names: list[str] = np.where(self.kernel_wins, "kernel", by_size).tolist()
        return names

    def of_curves(self, places: IndexArray) -> Self:
        """Some of the curves."""
        kernel = KernelCurves(self.kernel.bandwidth[places], self.kernel.samples.of_curves(places))
        return type(self)(
            self.theta[places], self.observed[places], self.kernel_wins[places], kernel
        )

    def at(self, executors: FloatArray) -> FloatArray:
        """Seconds > 0 at executors ``(p, c)``, of the same shape."""
        seconds = ernest_seconds(self.theta[:, None, :], executors)
        low, high = self.observed[:, :1], self.observed[:, 1:]
        inside = (executors >= low) & (executors <= high) & self.kernel_wins[:, None]
        if inside.any():
            seconds = np.where(inside, self.kernel.at(executors), seconds)
        return seconds


def _kernel_is_better(samples: Samples, ernest: FloatArray, kernel_s: FloatArray) -> BoolArray:
    """Whether the kernel regression has the smaller mean relative error, ``(p,)``.

    Each interior scale-out is judged by the fit that has not seen it.

    :param ernest: θ of every fold, see :func:`~airflow_enel.predict.samples.without_each_interior`,
        ``(p, folds, 4)``
    :param kernel_s: of every distinct scale-out, NaN where there is no such fit, ``(p, u)``
    """
    of_curve = np.arange(len(ernest))[:, None]
    # An interior scale-out and the fold without it have the same place.
    fold = np.minimum(samples.group, ernest.shape[1] - 1)
    ernest_s = ernest_seconds(ernest[of_curve, fold], samples.executors)
    errors = [
        np.where(samples.interior, samples.relative_errors(predicted_s), 0.0).sum(axis=1)
        for predicted_s in (ernest_s, kernel_s[of_curve, samples.group])
    ]
    better: BoolArray = errors[1] < errors[0]
    return better
