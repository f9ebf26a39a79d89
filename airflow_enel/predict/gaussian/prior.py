"""Fits curves, rescale efficiency and residual covariance of all components of a job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.component_curves import (
    FORGETTING,
    SHORTEST_S,
    ComponentCurves,
    clipped,
)
from airflow_enel.predict.gaussian.context_effect import ContextEffect, whole_runs
from airflow_enel.predict.gaussian.context_features import ContextFeatures
from airflow_enel.predict.gaussian.job_changes import (
    MOST_CHANGES,
    code_changes,
    component_changes,
    has_other_components,
    shift_of,
)
from airflow_enel.predict.gaussian.rescale_efficiency import RescaleEfficiency
from airflow_enel.predict.gaussian.residuals import Residuals
from airflow_enel.predict.gaussian.scanned_input import ScannedInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

_PASSES: Final = 2
"""Of fitting curves and the effect of the context in turn."""

BEFORE_OTHER_COMPONENTS: Final = 1e-3
"""Weight of a run before the job's components became others, in whether one comes."""

CLEAN_AT_LEAST: Final = 2
"""Undisturbed samples from which on a component's curve needs no disturbed ones."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Model of the ``m`` components of an alignment, fitted on ``n`` past runs.

    :param residuals: of what the rescale efficiency of each run does not explain
    :param share: part of the runs that had each, ``(m,)``
    :param own_pull: what each sample's curve would change without the sample, ``(n, m)``
    :param off: log seconds less those of the curve, 0 where there are none, ``(n, m)``
    :param promised: log seconds of the curve at the run's first size less those at the
        component's, 0 where there are none, ``(n, m)``
    :param weight: of each sample, 0 where there is none, ``(n, m)``
    :param recency: weight of each run as a whole, ``(n,)``
    """

    shapes: ComponentCurves
    scanned: ScannedInput
    context_effect: ContextEffect
    rescale_efficiency: RescaleEfficiency
    residuals: Residuals
    share: FloatArray
    own_pull: FloatArray
    off: FloatArray
    promised: FloatArray
    weight: FloatArray
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
        scanned = ScannedInput.of(past.contexts, past.input_bytes)
        samples = Samples(past, _with_input(past, scanned), executors, log_s, weight)
        fitted = samples.fit(job_changes(past))
        shapes, off, own_pull = fitted.shapes, fitted.off, fitted.own_pull
        promised = curves_at(shapes, past.began) - curves_of(shapes, past.executors)
        promised = np.where(there, promised, 0.0)
        rescale_efficiency = RescaleEfficiency.fit(
            off, promised, weight, Residuals.fit(off, weight)
        )
        short, _ = rescale_efficiency.of(off, promised, np.sign(weight))
        residual = np.where(chosen, off - short[:, None] * promised, 0.0)
        expected_s = np.exp(curves_of(shapes, executors))
        residual = _without_outliers(residual, expected_s, weight)
        return cls(
            shapes=shapes,
            scanned=scanned,
            context_effect=fitted.effect,
            rescale_efficiency=rescale_efficiency,
            residuals=Residuals.fit(residual, weight).with_trust(residual, weight, past.order),
            share=np.average(there, axis=0, weights=past.evidence),
            own_pull=own_pull,
            off=off,
            promised=promised,
            weight=weight,
            recency=recency * past.evidence,
        )

    def in_usual_context(self, past: Alignment) -> Alignment:
        """Past runs as they would have been in the mean of their contexts."""
        features = self.context_effect.features
        if not features.size:
            return past
        log_size = np.log(np.where(np.isnan(past.executors), 1.0, past.executors))
        rows = features.rows(_with_input(past, self.scanned), past.started_at)
        effect = self.context_effect.of(rows, log_size)
        return replace(past, added_s=past.added_s * np.exp(-effect))


def _without_outliers(
    residual: FloatArray, expected_s: FloatArray, weight: FloatArray
) -> FloatArray:
    """Residuals without what whole runs are far off: such a run says little of the next one."""
    off, _ = whole_runs(residual, expected_s, np.zeros_like(residual), weight)
    limited, _ = clipped(off[:, None], weight.max(axis=1)[:, None])
    return np.where(weight > 0, residual - (off[:, None] - limited), 0.0)


def job_changes(past: Alignment) -> list[int]:
    """Numbers of the runs from which on the job was another one, by its code and components."""
    found = {*code_changes(past.contexts), *component_changes(past.kinds())}
    return sorted(found)[-MOST_CHANGES:]


def since_other_components(past: Alignment) -> Alignment:
    """The alignment in which runs before the last change of components say little of them."""
    kinds = past.kinds()
    places = [p for p in job_changes(past) if has_other_components(kinds, p)]
    if not places:
        return past
    evidence = past.evidence.copy()
    evidence[: places[-1]] = BEFORE_OTHER_COMPONENTS
    return replace(past, evidence=evidence)


@dataclass(frozen=True, slots=True)
class Samples:
    """What curves and effects of the context are fitted to, in turn; see `ComponentCurves.fit`."""

    past: Alignment
    contexts: Sequence[RunContext]
    executors: FloatArray
    log_s: FloatArray
    weight: FloatArray

    def fit(self, changes: Sequence[int]) -> Fitted:
        """Fit with changes of the job at these runs, and a shift if runs prove one."""
        found = self._fit(changes)
        place = self._shift(found)
        if place is None or place in changes:
            return found
        return self._fit(sorted({*changes, place})[-MOST_CHANGES:])

    def _fit(self, changes: Sequence[int]) -> Fitted:
        started_at = self.past.started_at
        features = ContextFeatures.of(self.contexts, started_at, started_at[list(changes)].tolist())
        rows, log_size = features.rows(self.contexts, started_at), np.log(self.executors)
        chosen = self.weight > 0
        found = Fitted(
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
            found = Fitted(effect, *curves)
        return found

    def _shift(self, found: Fitted) -> int | None:
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
class Fitted:
    """Effect of the context, and what `ComponentCurves.fit` gives without it."""

    effect: ContextEffect
    shapes: ComponentCurves
    off: FloatArray
    own_pull: FloatArray


def _with_input(past: Alignment, scanned: ScannedInput) -> list[RunContext]:
    columns = np.arange(past.input_bytes.shape[1])
    pairs = zip(past.contexts, past.input_bytes, strict=True)
    return [scanned.added(context, columns, read) for context, read in pairs]


def log_seconds(seconds: FloatArray) -> FloatArray:
    """Logarithms of seconds, NaN where they are."""
    logs: FloatArray = np.log(np.maximum(seconds, SHORTEST_S))
    return logs


def curves_at(shapes: ComponentCurves, executors: FloatArray) -> FloatArray:
    """Log seconds of all components at the whole numbers next to ``(k,)`` executors, ``(k, m)``."""
    sizes, index = np.unique(np.maximum(np.rint(executors), 1.0), return_inverse=True)
    return shapes.at(sizes)[index.ravel()]


def curves_of(shapes: ComponentCurves, executors: FloatArray) -> FloatArray:
    """Log seconds of each component at executors of its own, ``(k, m)``; any where they are NaN."""
    whole = np.maximum(np.rint(np.nan_to_num(executors)), 1.0)
    sizes, index = np.unique(whole, return_inverse=True)
    columns = np.arange(executors.shape[1])[None, :]
    found: FloatArray = shapes.at(sizes)[index.reshape(executors.shape), columns]
    return found
