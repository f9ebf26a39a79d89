"""Fits Bell's curves of all components of a job, and judges them walk-forward on past runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.curves.bell import BellCurves
from airflow_enel.predict.samples import Samples
from airflow_enel.predict.spread import walk_forward_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_enel.predict.samples import BoolArray, FloatArray


def fit_walk_forward(
    executors: FloatArray, runtime_s: FloatArray, usable: Callable[[int], BoolArray]
) -> tuple[BellCurves, FloatArray]:
    """Fit on all past runs, and on the first ones to see how well the later ones are foreseen.

    :param executors: of ``n`` runs, oldest first, by ``m`` components, NaN where a run did not
        have it, ``(n, m)``
    :param runtime_s: seconds, NaN as above, ``(n, m)``
    :param usable: which samples a fit on so many of the first runs uses, ``(n, m)``; at least one
        of each component if it may use all runs
    :return: the curves on all runs; actual and predicted seconds of the judged runs, see
        :func:`~airflow_enel.predict.spread.walk_forward_blocks`, 0 where a run did not have a
        component or no earlier run had it, ``(2, judged, m)``
    """
    runs, components = runtime_s.shape
    blocks = walk_forward_blocks(runs)
    used = np.stack([usable(known) for known in (*(begin for begin, _ in blocks), runs)])
    fit, component = np.nonzero(used.any(axis=1))
    there = ~np.isnan(runtime_s)
    executors, runtime_s = np.where(there, executors, 1.0), np.where(there, runtime_s, 0.0)
    of_curves = executors.T[component], runtime_s.T[component], used[fit, :, component]
    curves = BellCurves.fit(Samples.of(*of_curves))
    judged = [np.zeros((2, 0, components))]
    for block, (begin, end) in enumerate(blocks):
        places = np.flatnonzero(fit == block)
        columns = component[places]
        predicted_s = curves.of_curves(places).at(executors[begin:end, columns].T).T
        pairs = np.zeros((2, end - begin, components))
        pairs[:, :, columns] = runtime_s[begin:end, columns], predicted_s
        judged.append(pairs * there[begin:end])
    return curves.of_curves(np.flatnonzero(fit == len(blocks))), np.concatenate(judged, axis=1)
