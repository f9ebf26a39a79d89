"""Curve and residuals of every component of a recurring job, learned together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.residuals import Residuals
from airflow_enel.predict.shapes import FORGETTING, SHORTEST_S, Shapes

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

CLEAN_AT_LEAST: Final = 2
"""Undisturbed samples from which on a component's curve needs no disturbed ones."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What ``n`` past runs say of the ``m`` components of an alignment.

    :param share: part of the runs that had each, ``(m,)``
    :param own_pull: what each sample's curve would change without the sample, ``(n, m)``
    :param recency: weight of each run, ``(n,)``
    """

    shapes: Shapes
    residuals: Residuals
    share: FloatArray
    own_pull: FloatArray
    recency: FloatArray

    @classmethod
    def of(cls, past: Alignment) -> Self:
        """Learn from past runs; there must be a component in them."""
        there = ~np.isnan(past.added_s)
        runs = there.shape[0]
        clean = there & past.clean
        chosen = np.where(clean.sum(axis=0) >= CLEAN_AT_LEAST, clean, there)
        recency = FORGETTING ** np.arange(runs, dtype=np.float64)[::-1]
        weight = chosen * recency[:, None]
        executors = np.where(chosen, past.executors, 1.0)
        log_s = np.where(chosen, log_seconds(past.added_s), 0.0)
        shapes, residual, own_pull = Shapes.fit(executors, log_s, weight)
        return cls(
            shapes=shapes,
            residuals=Residuals.fit(residual, weight),
            share=there.mean(axis=0),
            own_pull=own_pull,
            recency=recency,
        )


def log_seconds(seconds: FloatArray) -> FloatArray:
    """Logarithms of seconds, NaN where they are."""
    logs: FloatArray = np.log(np.maximum(seconds, SHORTEST_S))
    return logs
