"""Forecaster ``ellis``: sums Bell's curves of the components still to come."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Forecast
from airflow_enel.predict.alignment import Alignment
from airflow_enel.predict.component_forecasts import (
    ClusterModel,
    ComponentTimes,
    Spreads,
    with_present,
)
from airflow_enel.predict.curves.walk_forward import fit_walk_forward
from airflow_enel.predict.pauses import UsualGaps
from airflow_enel.predict.samples import SMALLEST_S, BoolArray, FloatArray, IndexArray
from airflow_enel.predict.spread import robust_log_sd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Bounds, ComponentForecast, PastRun, Progress
    from airflow_enel.predict.curves.bell import BellCurves

CLEAN_AT_LEAST: Final = 2
"""Undisturbed samples from which on a component's curve needs no disturbed ones."""


class Ellis:
    """One curve per component over its actual mean executors.

    Curves are those of :class:`~airflow_enel.predict.curves.bell.Bell`.
    A component is identified by key and occurrence. Its curve is fitted on the past runs in
    which no executor came or went inside it, on all if there are fewer than two such.

    Remaining seconds at s = what is left of the running component at the present executors
    (its prediction less the time since the last finish, ≥ 0), because a change takes effect only
    after it, + Σ share × prediction at s over the components still expected (see
    :meth:`Alignment.shares <airflow_enel.predict.alignment.Alignment.shares>`) + the median of
    what past runs needed after their last component. Between two components the next expected
    one is taken as running. Before any executor has registered everything runs at s. A running
    component that no past run had counts nothing; nor do those that nothing announces.

    The spread is that of the past sums of just these components, predicted walk-forward at the
    executors they had; one for all candidates. Neither the error of extrapolating to unobserved
    scale-outs nor the number of components is in it.
    Source: Thamsen et al., "Ellis: Dynamically Scaling Distributed Dataflows to Meet Runtime
    Targets", CloudCom 2017; Enel, section III.
    """

    name: Final = "ellis"

    def __init__(self) -> None:
        self._past: Alignment | None = None
        self._past_runs: Sequence[PastRun] = ()
        self._cluster: ClusterModel | None = None
        self._curves: BellCurves
        self._judged: FloatArray
        self._known: dict[tuple[int, ...], FloatArray] = {}

    def __repr__(self) -> str:
        runs, components = (0, 0) if self._past is None else self._past.added_s.shape
        return f"Ellis(runs={runs}, components={components})"

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from past runs in any order; those without a finished component are left out."""
        past = Alignment.of(past_runs)
        self._past, self._known = (past if past.columns else None), {}
        self._past_runs, self._cluster = past_runs, None
        if self._past is not None:
            self._curves, self._judged = fit_walk_forward(
                past.executors, past.added_s, partial(_usable, past)
            )
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Remaining seconds per candidate, None if no past run had a component."""
        past = self._past
        if past is None:
            return None
        shares, current, spent_s, tail_s = _ahead(past, progress)
        at_candidates = self._at(bounds.candidates)
        left_s = np.zeros(len(bounds.candidates))
        if current is not None:
            now = (progress.executors,) if progress.executors else bounds.candidates
            present_s = self._at(now)[current]
            left_s = left_s + np.maximum(present_s - spent_s, 0.0)
            shares[current] = 0.0
        median_s = np.maximum(left_s + shares @ at_candidates + tail_s, SMALLEST_S)
        if current is not None:
            shares[current] = float(np.mean(left_s / present_s))
        log_sd = robust_log_sd(_residuals(self._judged, shares))
        return Forecast(
            self.name, bounds.candidates, tuple(median_s.tolist()), (log_sd,) * median_s.size
        )

    def forecast_components(self, progress: Progress, bounds: Bounds) -> ComponentForecast | None:
        """See `ForecastsComponents`: the same seconds that `predict` sums up, as medians.

        A component has no spread of its own here. All of them are taken to be off together, by
        the spread of their sum that `predict` gives. `predict` also lets the running one go on at
        the present executors, whatever the candidate.
        """
        past = self._past
        if past is None:
            return None
        shares, current, spent_s, tail_s = _ahead(past, progress)
        columns = np.flatnonzero(shares > 0)
        executors = with_present(bounds.candidates, progress.executors)
        seconds = np.maximum(self._at(executors)[columns].T, SMALLEST_S)
        log_sd = robust_log_sd(_residuals(self._judged, shares))
        together = np.full((columns.size, columns.size), log_sd**2)
        place = np.argsort(past.order)
        if current is not None:
            place[current] = -1
        times = ComponentTimes(
            executors=executors,
            log_median=np.log(seconds),
            spreads=Spreads.of(seconds * shares[columns], together),
            share=shares[columns],
            spent_s=0.0 if current is None else spent_s,
            tail_s=tail_s,
        )
        order: IndexArray = np.argsort(place[columns], kind="stable")
        return times.forecast(order, self._cluster_model(past), progress, past, columns)

    def _cluster_model(self, past: Alignment) -> ClusterModel:
        if self._cluster is None:
            gaps = UsualGaps.of(self._past_runs)
            self._cluster = ClusterModel.of(self._past_runs, gaps, past, self._log_curves)
        return self._cluster

    def _log_curves(self, executors: FloatArray) -> FloatArray:
        """Log seconds of all components at executors ``(k,)``, ``(k, m)``."""
        sizes = tuple(executors.astype(int).tolist())
        logs: FloatArray = np.log(np.maximum(self._at(sizes).T, SMALLEST_S))
        return logs

    def _at(self, executors: tuple[int, ...]) -> FloatArray:
        """Seconds per component and scale-out, ``(m, len(executors))``; computed once."""
        if executors not in self._known:
            asked = np.array(executors, dtype=np.float64)
            components = self._judged.shape[2]
            self._known[executors] = self._curves.at(np.tile(asked, (components, 1)))
        return self._known[executors]


def _ahead(past: Alignment, progress: Progress) -> tuple[FloatArray, int | None, float, float]:
    """Shares of all components, which one runs, since when, and seconds after the last."""
    shares, current = past.shares(progress), past.running(progress)
    if progress.running is None:
        current = past.following(shares)
    spent_s = max(progress.elapsed_s - sum(c.added_s or 0.0 for c in progress.finished), 0.0)
    tail_s = float(np.median(past.tail_s))
    if current is None and progress.running is None:  # only what follows the last is left
        tail_s = max(tail_s - spent_s, 0.0)
    return shares, current, spent_s, tail_s


def _usable(past: Alignment, runs: int) -> BoolArray:
    """Samples of the first runs that a component's curve is fitted on, ``(n, m)``."""
    there = ~np.isnan(past.added_s)
    there[runs:] = False
    clean = there & past.clean
    usable: BoolArray = np.where(clean.sum(axis=0) >= CLEAN_AT_LEAST, clean, there)
    return usable


def _residuals(judged: FloatArray, weights: FloatArray) -> FloatArray:
    """``log(actual / predicted)`` of the weighted sums of components, one per judged run."""
    actual, predicted = judged @ weights
    usable = (actual > 0) & (predicted > 0)
    residuals: FloatArray = np.log(actual[usable]) - np.log(predicted[usable])
    return residuals
