"""Fits curves, rescale efficiency and residual covariance of all components of a job."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.component_curves import FORGETTING, SHORTEST_S, ComponentCurves
from airflow_enel.predict.gaussian.context_effect import ContextEffect
from airflow_enel.predict.gaussian.context_features import ContextFeatures
from airflow_enel.predict.gaussian.rescale_efficiency import RescaleEfficiency
from airflow_enel.predict.gaussian.residuals import Residuals
from airflow_enel.predict.gaussian.scanned_input import ScannedInput

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

_PASSES: Final = 2
"""Of fitting curves and the effect of the context in turn."""

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
    :param recency: weight of each run, ``(n,)``
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
        contexts = _with_input(past, scanned)
        features = ContextFeatures.of(contexts, past.started_at)
        rows = features.rows(contexts)
        log_size = np.log(executors)
        context_effect = ContextEffect.none(features)
        shapes, off, own_pull = ComponentCurves.fit(executors, log_s, weight)
        for _ in range(_PASSES if features.size else 0):
            expected = curves_of(shapes, executors)
            residual = np.where(chosen, log_s - expected, 0.0)
            context_effect = ContextEffect.fit(
                features, rows, residual, np.exp(expected), log_size, weight
            )
            effect = np.where(chosen, context_effect.of(rows, log_size), 0.0)
            shapes, off, own_pull = ComponentCurves.fit(executors, log_s - effect, weight)
        promised = curves_at(shapes, past.began) - curves_of(shapes, past.executors)
        promised = np.where(there, promised, 0.0)
        rescale_efficiency = RescaleEfficiency.fit(
            off, promised, weight, Residuals.fit(off, weight)
        )
        short, _ = rescale_efficiency.of(off, promised, np.sign(weight))
        residual = np.where(chosen, off - short[:, None] * promised, 0.0)
        return cls(
            shapes=shapes,
            scanned=scanned,
            context_effect=context_effect,
            rescale_efficiency=rescale_efficiency,
            residuals=Residuals.fit(residual, weight).with_trust(residual, weight, past.order),
            share=there.mean(axis=0),
            own_pull=own_pull,
            off=off,
            promised=promised,
            weight=weight,
            recency=recency,
        )

    def in_usual_context(self, past: Alignment) -> Alignment:
        """Past runs as they would have been in the mean of their contexts."""
        features = self.context_effect.features
        if not features.size:
            return past
        log_size = np.log(np.where(np.isnan(past.executors), 1.0, past.executors))
        rows = features.rows(_with_input(past, self.scanned))
        effect = self.context_effect.of(rows, log_size)
        return replace(past, added_s=past.added_s * np.exp(-effect))


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
