"""Posterior over the shapes of a job's components, cliffs among them, and its moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.curves.cliffs import Cliffs, LikeliestCliffs
from airflow_enel.predict.curves.shapes import Shapes

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.curves.cells import Cells
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class ShapePosterior:
    """Log seconds of ``m`` components, ``level_k + log g_k(s)`` with probability p_k.

    :param level: of each smooth shape and component, ``(k, m)``
    :param probability: likewise; its sum, with those of the cliffs, is 1
    """

    shapes: Shapes
    level: FloatArray
    probability: FloatArray
    cliffs: LikeliestCliffs

    @classmethod
    def fit(cls, sizes: FloatArray, seen: Cells) -> Self:
        """Learn from what was seen at sizes ``(u,)``, ascending."""
        told = sizes[seen.mass.any(axis=1)]
        middle = float(np.exp(np.log(told).mean()))
        shapes, cliffs = Shapes.of(middle), Cliffs.of(told, middle)
        level, log_likelihood = shapes.fit(sizes, seen)
        fitted = cliffs.fit(sizes, seen)
        found = np.concatenate([log_likelihood, fitted.log_likelihood])
        weight = np.concatenate([shapes.weight, cliffs.weight])
        probability = weight[:, None] * np.exp(found - found.max(axis=0))
        probability /= probability.sum(axis=0)
        smooth, others = np.split(probability, [shapes.weight.size])
        return cls(shapes, level, smooth, LikeliestCliffs.of(cliffs, fitted, others))

    def mean(self, executors: FloatArray) -> FloatArray:
        """Of the log seconds, ``(c, m)`` for executors ``(c,)``."""
        mean = self.shapes.log_at(executors) @ self.probability
        mean += (self.level * self.probability).sum(axis=0)
        logs, _ = self.cliffs.log_at(executors)
        mean += np.einsum("qm,cqm->cm", self.cliffs.probability, logs)
        return mean

    def variance(self, executors: FloatArray) -> FloatArray:
        """Of the log seconds, ``(c, m)`` for executors ``(c,)``."""
        logs, weighted = self.shapes.log_at(executors), self.level * self.probability
        square = logs**2 @ self.probability + 2.0 * logs @ weighted
        square += (self.level * weighted).sum(axis=0)
        of_cliffs, within = self.cliffs.log_at(executors)
        square += np.einsum("qm,cqm->cm", self.cliffs.probability, of_cliffs**2 + within)
        variance: FloatArray = np.maximum(square - self.mean(executors) ** 2, 0.0)
        return variance
