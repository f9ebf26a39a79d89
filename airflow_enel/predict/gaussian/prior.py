"""Fits curves, effect of the context, rescale efficiency and covariance of a job's components."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.cells import clipped
from airflow_enel.predict.curves.component_curves import (
    FORGETTING,
    curves_at,
    curves_of,
    log_seconds,
)
from airflow_enel.predict.gaussian.context_effect import whole_runs
from airflow_enel.predict.gaussian.growth_samples import weight_without_growth
from airflow_enel.predict.gaussian.job_changes import job_changes
from airflow_enel.predict.gaussian.rescale_efficiency import RescaleEfficiency
from airflow_enel.predict.gaussian.residuals import Residuals
from airflow_enel.predict.gaussian.samples_in_context import SamplesInContext
from airflow_enel.predict.gaussian.scanned_input import ScannedInput

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.curves.component_curves import ComponentCurves
    from airflow_enel.predict.gaussian.context_effect import ContextEffect
    from airflow_enel.predict.samples import FloatArray

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
        clean = there & past.settled()
        chosen = np.where(clean.sum(axis=0) >= CLEAN_AT_LEAST, clean, there)
        recency = FORGETTING ** np.arange(runs, dtype=np.float64)[::-1]
        weight = chosen * recency[:, None]
        executors = np.where(chosen, past.executors, 1.0)
        log_s = np.where(chosen, log_seconds(past.added_s), 0.0)
        scanned = ScannedInput.of(past.contexts, past.input_bytes)
        contexts = scanned.added_to_all(past.contexts, past.input_bytes)
        fit_weight = weight_without_growth(past, executors, log_s, weight)
        samples = SamplesInContext(past, contexts, executors, log_s, fit_weight)
        fitted = samples.fit(job_changes(past))
        shapes, own_pull = fitted.shapes, fitted.own_pull
        off = np.where(fit_weight < weight, samples.off_without_fit(fitted), fitted.off)
        promised = curves_at(shapes, past.began) - curves_of(shapes, past.executors)
        promised = np.where(there, promised, 0.0)
        sizes = (shapes.mass > 0).sum(axis=0)
        rescale_efficiency = RescaleEfficiency.fit(
            off, promised, weight, Residuals.fit(off, weight, sizes)
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
            residuals=Residuals.fit(residual, weight, sizes).with_trust(
                residual, weight, past.order
            ),
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
        contexts = self.scanned.added_to_all(past.contexts, past.input_bytes)
        rows = features.rows(contexts, past.started_at)
        effect = self.context_effect.of(rows, log_size)
        return replace(past, added_s=past.added_s * np.exp(-effect))


def _without_outliers(
    residual: FloatArray, expected_s: FloatArray, weight: FloatArray
) -> FloatArray:
    """Residuals without what whole runs are far off: such a run says little of the next one."""
    off, _ = whole_runs(residual, expected_s, np.zeros_like(residual), weight)
    limited, _ = clipped(off[:, None], weight.max(axis=1)[:, None])
    return np.where(weight > 0, residual - (off[:, None] - limited), 0.0)
