"""Fits curves over executors and the effect of the context to the same samples, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.component_curves import ComponentCurves, curves_of
from airflow_enel.predict.gaussian.context_effect import ContextEffect, whole_runs
from airflow_enel.predict.gaussian.context_features import ContextFeatures
from airflow_enel.predict.gaussian.job_changes import MOST_CHANGES, shift_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

_PASSES: Final = 2
"""Of fitting curves and the effect of the context in turn."""


@dataclass(frozen=True, slots=True)
class SamplesInContext:
    """Log seconds of ``m`` components in ``n`` past runs, as `ComponentCurves.fit` takes them.

    :param contexts: of the runs, with what they have read where nothing else tells their input
    :param executors: that each component had, ``(n, m)``
    :param log_s: its log seconds, ``(n, m)``
    :param weight: of each sample, 0 where there is none, ``(n, m)``
    """

    past: Alignment
    contexts: Sequence[RunContext]
    executors: FloatArray
    log_s: FloatArray
    weight: FloatArray

    def fit(self, changes: Sequence[int]) -> FittedInContext:
        """Fit with changes of the job at these runs, and a shift if runs prove one."""
        found = self._fit(changes)
        place = self._shift(found)
        if place is None or place in changes:
            return found
        return self._fit(sorted({*changes, place})[-MOST_CHANGES:])

    def off_without_fit(self, found: FittedInContext) -> FloatArray:
        """How far samples of weight 0 are off curves and contexts, ``(n, m)``."""
        features, log_size = found.effect.features, np.log(self.executors)
        off = self.log_s - curves_of(found.shapes, self.executors)
        if features.size:
            off -= found.effect.of(features.rows(self.contexts, self.past.started_at), log_size)
        return off

    def _fit(self, changes: Sequence[int]) -> FittedInContext:
        started_at = self.past.started_at
        features = ContextFeatures.of(self.contexts, started_at, started_at[list(changes)].tolist())
        rows, log_size = features.rows(self.contexts, started_at), np.log(self.executors)
        chosen = self.weight > 0
        found = FittedInContext(
            ContextEffect.none(features),
            *ComponentCurves.fit(self.executors, self.log_s, self.weight),
        )
        for _ in range(_PASSES if features.size else 0):
            expected = curves_of(found.shapes, self.executors)
            residual = np.where(chosen, self.log_s - expected, 0.0)
            effect = ContextEffect.fit(
                features, rows, residual, np.exp(expected), log_size, self.weight
            )
            of_runs = np.where(chosen, effect.of(rows, log_size), 0.0)
            curves = ComponentCurves.fit(self.executors, self.log_s - of_runs, self.weight)
            found = FittedInContext(effect, *curves)
        return found

    def _shift(self, found: FittedInContext) -> int | None:
        """Number of the run from which on runs have shifted, if that is beyond doubt.

        By what no change of executors can have caused: that is not the job's.
        """
        weight = self.weight * self.past.before_any_change()
        told = np.flatnonzero(weight.any(axis=1))
        expected_s = np.exp(curves_of(found.shapes, self.executors))
        off, _ = whole_runs(found.off, expected_s, np.log(self.executors), weight)
        place = shift_of(off[told])
        return None if place is None else int(told[place])


@dataclass(frozen=True, slots=True)
class FittedInContext:
    """Effect of the context, and what `ComponentCurves.fit` gives without it."""

    effect: ContextEffect
    shapes: ComponentCurves
    off: FloatArray
    own_pull: FloatArray
