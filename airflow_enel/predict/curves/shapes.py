"""Smooth shapes that a component's time can have over executors, as a grid of curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.student_t import (
    AT_ONCE,
    ROUNDS,
    log_likelihood,
    reweigh,
    weighted_sum,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.curves.cells import Cells
    from airflow_enel.predict.samples import FloatArray

PARALLEL: Final = (0.1, 0.25, 0.4, 0.55, 0.7, 0.82, 0.91, 0.96, 1.0)
"""Shares of the time at the middle size that executors divide among them."""
GROWING: Final = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6)
"""Shares that grow with every executor."""
DIVIDED: Final = (0.0, 0.4, 0.7, 0.9, 1.0)
"""Parallel shares of what does not grow."""

_FLAT, _LOOP, _AGGREGATION = 2.0, 1.0, 1.0
"""Prior weights of the three kinds; that of cliffs is 1."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """``k`` shapes ``g(s) = serial + parallel·s₀/s + growing·s/s₀``: flat, parallel or growing.

    ``s₀`` is the middle of the observed sizes; serial, parallel and growing add up to 1.

    :param weight: how likely each is before anything was seen, ``(k,)``
    """

    middle: float
    serial: FloatArray
    parallel: FloatArray
    growing: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, middle: float) -> Self:
        """All of them, by the middle size."""
        rows = [(1.0, 0.0, 0.0, _FLAT)]
        rows += [(1.0 - p, p, 0.0, _LOOP / len(PARALLEL)) for p in PARALLEL]
        growing = [(p * (1.0 - g), g) for p in DIVIDED for g in GROWING]
        rows += [(1.0 - p - g, p, g, _AGGREGATION / len(growing)) for p, g in growing]
        return cls(middle, *np.array(rows).T)

    def log_at(self, executors: FloatArray) -> FloatArray:
        """Logarithms of the shapes, ``(c, k)`` for executors ``(c,)``."""
        relative = executors[:, None] / self.middle
        logs: FloatArray = np.log(self.serial + self.parallel / relative + self.growing * relative)
        return logs

    def fit(self, sizes: FloatArray, seen: Cells) -> tuple[FloatArray, FloatArray]:
        """Level and log likelihood of each shape for each component, ``(k, m)`` each."""
        logs = self.log_at(sizes)
        batches = [logs[:, k : k + AT_ONCE] for k in range(0, logs.shape[1], AT_ONCE)]
        fits = zip(*(_fit_levels(batch, seen) for batch in batches), strict=True)
        level, found = (np.concatenate(parts) for parts in fits)
        return level, found


def _fit_levels(logs: FloatArray, seen: Cells) -> tuple[FloatArray, FloatArray]:
    """Level of shapes ``(u, k)`` for each component, and their log likelihood, ``(k, m)`` each."""
    residual = seen.mean[:, None, :] - logs[:, :, None]
    weight = np.broadcast_to(seen.mass[:, None, :], residual.shape)
    for _ in range(ROUNDS):
        level = weighted_sum(weight, residual) / weight.sum(axis=0)
        weight, noise = reweigh(residual - level, weight, seen)
    return level, log_likelihood(residual - level, noise, seen)
