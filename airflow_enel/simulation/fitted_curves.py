"""Fits seconds over executors to the components of a recurring job's past runs.

A component of run i takes ``c(s) · level · x^β · exp(u_i + e)``: a curve c over executors s that
all components with the same key share, a level of each occurrence, the input size x, an effect u
of the whole run, and the component's own chance e.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.spread import FLOOR
from airflow_enel.simulation.component_curve import best_curve

if TYPE_CHECKING:
    from airflow_enel.predict.samples import FloatArray
    from airflow_enel.simulation.component_curve import ComponentCurve
    from airflow_enel.simulation.component_times import ComponentTimes, IntArray

INPUT_RUNS: Final = 8
"""Runs with a known input size from which on an influence of the input is looked for."""

EFFECT_RUNS: Final = 8
"""Runs from which on what the components of a run have in common is told from their size."""

_INPUT_SIZES: Final = 2
_OUTLYING: Final = 3.5
_NEAREST: Final = 5
_SAME_SIZE: Final = 0.05  # of log executors
_ROUNDS: Final = 4
_SIGNIFICANT: Final = 2.0
_LEAST_LOG_SD: Final = 0.02
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class FittedComponents:
    """Curves of the components of a job, and how far runs scatter around them.

    :param curves: one per key, None for a key that no run had
    :param log_levels: logarithm of how much longer each component takes than its key's curve,
        ``(m,)``
    :param input_elasticities: exponent of the input's size, 0 if the runs show none, per key
    :param run_log_sd: spread of what all components of a run have in common
    :param own_log_sd: spread of each component's own chance, per key
    :param slow_factors: of the runs that were slower than any usual one, by how much
    """

    curves: tuple[ComponentCurve | None, ...]
    log_levels: FloatArray
    input_elasticities: FloatArray
    run_log_sd: float
    own_log_sd: FloatArray
    slow_factors: FloatArray


def fit_components(times: ComponentTimes) -> FittedComponents:
    """Fit curves, levels, influence of the input, and spreads, by turns.

    Curves are non-negative least squares of relative errors. Of the terms fixed, parallel, per
    executor and cache as few are taken as pay by a Bayesian information criterion, in which what a
    run says of one size counts once, and which has seen two deviations of 5 % before: two runs
    that differ by little are no curve. Runs far from all others count without what slowed all
    their components. The spread that the components of a run have in common is told from their
    own by best linear unbiased predictions of the runs' effects.
    """
    return _Fit(times).result()


class _Fit:
    def __init__(self, times: ComponentTimes) -> None:
        runs, components = times.seconds.shape
        self._times = times
        self._keys = range(len(times.keys))
        self._log_s = np.log(times.seconds)
        self._usable = [times.usable(key) for key in self._keys]
        self._curves: list[ComponentCurve | None] = [None] * len(times.keys)
        self._levels = np.zeros(components)
        self._inputs = np.zeros(len(times.keys))
        self._effects = np.zeros(runs)
        self._outlying = np.zeros(runs, dtype=np.bool_)
        self._run_var = 0.0
        self._own_sd = np.full(len(times.keys), FLOOR)

    def result(self) -> FittedComponents:
        for _ in range(_ROUNDS):
            for key in self._keys:
                if self._usable[key].any():
                    self._fit_key(key)
            self._fit_effects()
        return FittedComponents(
            tuple(self._curves),
            self._levels,
            self._inputs,
            float(np.sqrt(self._run_var)),
            self._own_sd,
            np.exp(self._effects[self._outlying & (self._effects > 0)]),
        )

    def _fit_key(self, key: int) -> None:
        """Curve, levels and influence of the input of the components with one key."""
        columns = np.flatnonzero(self._times.key == key)
        run, place = np.nonzero(self._usable[key])
        executors = self._times.executors[run, columns[place]]
        known = np.nan_to_num(self._times.log_input) * self._inputs[key]
        known += np.where(self._outlying, self._effects, 0.0)
        log_s = self._log_s[run, columns[place]] - known[run]
        levels = _means(
            log_s if self._curves[key] is None else log_s - self._log(key, executors),
            place,
            columns.size,
        )
        levels -= levels[place].mean()
        seconds = np.exp(log_s - levels[place])
        pairs = len(set(zip(run.tolist(), np.rint(executors).tolist(), strict=True)))
        self._curves[key] = best_curve(executors, seconds, pairs)
        residuals = log_s - self._log(key, executors)
        self._levels[columns] = _means(residuals, place, columns.size)
        self._inputs[key] += self._input_slope(key, residuals - self._levels[columns[place]], run)

    def _log(self, key: int, executors: FloatArray) -> FloatArray:
        curve = self._curves[key]
        assert curve is not None  # noqa: S101 - callers have fitted it
        return np.log(curve.seconds(executors))

    def _input_slope(self, key: int, residuals: FloatArray, run: IntArray) -> float:
        """By how much the exponent of the input must grow to explain what is left of the runs."""
        sizes = self._times.log_input
        before = self._inputs[key] * np.nan_to_num(sizes)
        runs = [i for i in np.unique(run) if not np.isnan(sizes[i])]
        if len(runs) < INPUT_RUNS or np.unique(sizes[runs]).size < _INPUT_SIZES:
            return 0.0
        left = np.array([residuals[run == i].mean() + before[i] for i in runs])
        centred = sizes[runs] - sizes[runs].mean()
        slope = float(centred @ left / (centred @ centred))
        rest = left - left.mean() - slope * centred
        error = np.sqrt(rest @ rest / (len(runs) - 2) / (centred @ centred))
        explained = abs(slope) > _SIGNIFICANT * float(error)
        return (slope if explained else 0.0) - float(self._inputs[key])

    def _fit_effects(self) -> None:
        """Effects of the runs, their variance, and the spread of what is left.

        An effect is by how much a run differs from those nearest in size: what these have in
        common is left to the curves. That of a run far from all others, as on a slow machine, is
        not shrunk.
        """
        residuals = self._residuals()
        there = ~np.isnan(residuals)
        weights = there / self._own_sd[self._times.key] ** 2
        precision = np.maximum(weights.sum(axis=1), _TINY)
        means = np.where(there, residuals * weights, 0.0).sum(axis=1) / precision
        near = self._near_in_size(means)
        means = means - near
        distance = np.abs(means)
        self._outlying = distance > _OUTLYING * max(float(np.median(distance)), FLOOR)
        usual = ~self._outlying
        variance = self._run_var or float(np.mean(means[usual] ** 2))
        shrunk = means * precision / (precision + 1 / max(variance, _TINY))
        self._effects = np.where(usual, shrunk, means)
        rest = 1 / (precision + 1 / max(variance, _TINY))
        self._run_var = float(np.mean((shrunk**2 + rest)[usual]))
        own = residuals - (self._effects + near)[:, None]
        for key in self._keys:
            chance = own[:, self._times.key == key][self._usable[key]]
            if chance.size:
                self._own_sd[key] = max(float(np.sqrt(np.mean(chance**2))), _LEAST_LOG_SD)

    def _near_in_size(self, means: FloatArray) -> FloatArray:
        """Medians over the runs nearest in size, ``(n,)``; the means themselves if runs are few."""
        if means.size < EFFECT_RUNS:
            return means
        sizes = np.nanmean(np.log(self._times.executors), axis=1)
        distance = np.abs(sizes[:, None] - sizes)
        reach = np.maximum(np.sort(distance, axis=1)[:, _NEAREST - 1], _SAME_SIZE)
        near: FloatArray = np.nanmedian(np.where(distance <= reach[:, None], means, np.nan), axis=1)
        return near

    def _residuals(self) -> FloatArray:
        """Logarithm of actual over expected seconds, the effects of runs in it, NaN as above."""
        residuals = np.full(self._log_s.shape, np.nan)
        for key in self._keys:
            if self._curves[key] is None:
                continue
            columns = np.flatnonzero(self._times.key == key)
            run, place = np.nonzero(self._usable[key])
            at = run, columns[place]
            expected = self._log(key, self._times.executors[at]) + self._levels[at[1]]
            expected += self._inputs[key] * np.nan_to_num(self._times.log_input)[run]
            residuals[at] = self._log_s[at] - expected
        return residuals


def _means(values: FloatArray, group: IntArray, groups: int) -> FloatArray:
    """Means of groups of values, 0 for an empty group, ``(groups,)``."""
    count = np.bincount(group, minlength=groups)
    means: FloatArray = np.bincount(group, weights=values, minlength=groups) / np.maximum(count, 1)
    return means
