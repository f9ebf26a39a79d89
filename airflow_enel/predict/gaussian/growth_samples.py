"""Leaves components after a growth out of the curves where growth does not keep its promise.

Curves say how long components take on executors that were there from the start. Where later ones
help less, runs that have grown would bend the curves at large sizes until growth seems to help.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.component_curves import ComponentCurves, curves_at
from airflow_enel.predict.deviations import Deviations
from airflow_enel.predict.plant import ENOUGH_COMPONENTS, growth_gain

if TYPE_CHECKING:
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import FloatArray

LEAST_GAIN: Final = 0.85
"""Share of the promised speed-up from which on components after a growth are like all others."""

_ENOUGH = 2  # samples of a component that make a curve without those after a growth


def weight_without_growth(
    past: Alignment, executors: FloatArray, log_s: FloatArray, weight: FloatArray
) -> FloatArray:
    """Weights of samples in curves, ``(n, m)``, each as it was or 0.

    :param weight: of each sample, 0 where there is none, ``(n, m)``
    """
    grown = past.after_growth() & (weight > 0)
    if (grown & past.by_request[:, None]).sum() < ENOUGH_COMPONENTS:
        return weight
    without = np.where(grown, 0.0, weight)
    without = np.where((without > 0).sum(axis=0) >= _ENOUGH, without, weight)
    curves, _, _ = ComponentCurves.fit(executors, log_s, without)
    gain = growth_gain(Deviations.of((), past, partial(curves_at, curves)))
    return weight if gain >= LEAST_GAIN else without
