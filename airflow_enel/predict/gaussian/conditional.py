"""Forecaster ``conditional``: component curves plus a Gaussian conditioned on finished ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Forecast
from airflow_enel.predict.alignment import Alignment, executors_of, is_clean
from airflow_enel.predict.component_forecasts import ClusterModel, with_present
from airflow_enel.predict.curves.component_curves import curves_at, log_seconds
from airflow_enel.predict.gaussian.calibration import Calibration
from airflow_enel.predict.gaussian.curve_error import CurveError
from airflow_enel.predict.gaussian.curves_in_context import CurvesInContext
from airflow_enel.predict.gaussian.job_changes import change_notes, since_other_components
from airflow_enel.predict.gaussian.lasting_shift import LastingShift
from airflow_enel.predict.gaussian.lognormal_sum import lognormal_sum
from airflow_enel.predict.gaussian.prior import Prior
from airflow_enel.predict.gaussian.remaining import Remaining
from airflow_enel.predict.gaussian.residuals import DISTURBED_NOISE, FARTHEST
from airflow_enel.predict.pauses import UsualGaps
from airflow_enel.predict.samples import SMALLEST_S
from airflow_enel.predict.spread import CEILING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.domain import Bounds, ComponentForecast, PastRun, Progress, RunContext
    from airflow_enel.predict.component_forecasts import ComponentTimes
    from airflow_enel.predict.samples import FloatArray


class Conditional:
    """Per component a curve over executors; deviations of one run are jointly Gaussian.

    ``log t_j(s) = curve_j(s) + r_j`` with ``r ~ N(0, Σ)``: curves by
    :class:`~airflow_enel.predict.curves.component_curves.ComponentCurves`, Σ by
    :class:`~airflow_enel.predict.gaussian.residuals.Residuals`. The finished components of this
    run are observed, so the remaining ones follow from the conditional Gaussian. Their sum, each
    with the probability that it comes at all, plus the median time after the last component,
    becomes a log-normal by its moments. A running component has lasted already: it counts with
    its distribution beyond that. If the run was rescaled, its finished components also tell how
    much of what the curves promise comes true
    (:class:`~airflow_enel.predict.gaussian.rescale_efficiency.RescaleEfficiency`).

    Median and spread are then calibrated on what the same model, without the run in question,
    would have said of past runs, and of those like it once executors have come or gone
    (:class:`~airflow_enel.predict.gaussian.calibration.Calibration`). Far from observed
    scale-outs the spread grows. Time convention and identities are those of
    :class:`~airflow_enel.predict.curves.ellis.Ellis`.

    Past runs that were slow have been scaled up, so what was seen at large mean scale-outs is
    slower than what a run that starts there would be: before the start the calibration follows
    what was seen, :meth:`components` does not.
    """

    name: Final = "conditional"

    def __init__(self) -> None:
        self._past: Alignment | None = None
        self._past_runs: Sequence[PastRun]
        self._gaps: UsualGaps
        self._cluster: ClusterModel | None = None
        self._prior: Prior
        self._curves: CurvesInContext
        self._calibration: Calibration
        self._typical_s: FloatArray

    def __repr__(self) -> str:
        runs, components = (0, 0) if self._past is None else self._past.added_s.shape
        return f"Conditional(runs={runs}, components={components})"

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from past runs in any order; those without a finished component are left out."""
        self._gaps = UsualGaps.of(past_runs)
        self._past_runs = [self._gaps.remove_from_run(run) for run in past_runs]
        self._cluster = None
        past = since_other_components(Alignment.of(self._past_runs))
        self._past = past if past.columns else None
        if self._past is not None:
            self._prior = Prior.of(past)
            self._curves = CurvesInContext(self._prior)
            past = self._past = self._prior.in_usual_context(past)
            # Seconds at the median size: only to tell how much of a run is left.
            middle = np.rint(np.nanmedian(past.executors, keepdims=True)[0])
            self._typical_s = np.exp(self._prior.shapes.at(middle)[0])
            self._calibration = Calibration.of(
                past, self._prior, self._typical_s * self._prior.share
            )
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Remaining seconds per candidate, None if no past run had a component."""
        remaining = self.components(progress, bounds)
        if remaining is None:
            return None
        return replace(self.combine(remaining, bounds), notes=self.notes(progress))

    def notes(self, progress: Progress) -> tuple[str, ...]:
        """What people should know of the forecasts of a run."""
        if self._past is None:
            return ()
        features = self._prior.context_effect.features
        if features.has_new_code(progress.context):
            return ("its code has changed: no run since",)
        return change_notes(features.changed_at, self._past.started_at)

    def forecast_components(self, progress: Progress, bounds: Bounds) -> ComponentForecast | None:
        """See `ForecastsComponents`; the same components that `predict` sums up.

        Their sum is the median of `predict` but for the latter's calibration, which past sums
        give, and as far as independent components of larger spread have a larger mean. `predict`
        also lets the running component go on at the present executors where these grow, which
        here is up to the planner.
        """
        remaining = self.components(progress, bounds)
        if remaining is None:
            return None
        return self.planned(remaining, remaining.times(), progress)

    def planned(
        self, remaining: Remaining, times: ComponentTimes, progress: Progress
    ) -> ComponentForecast:
        """The forecast for planners, of times of the remaining components."""
        assert self._past is not None  # noqa: S101 - asked only of a fitted forecaster
        order = self.order(remaining)
        return times.forecast(order, self.cluster(), progress, self._past, remaining.columns)

    def order(self, remaining: Remaining) -> NDArray[np.intp]:
        """Places of the remaining components in the order in which they come, ``(m,)``."""
        assert self._past is not None  # noqa: S101 - asked only of a fitted forecaster
        place = np.argsort(self._past.order)[remaining.columns]
        if remaining.current is not None:
            place[remaining.current] = -1
        return np.argsort(place, kind="stable")

    def cluster(self) -> ClusterModel:
        """What past runs say of executors; learned when it is asked for first."""
        assert self._past is not None  # noqa: S101 - asked only of a fitted forecaster
        if self._cluster is None:
            self._cluster = ClusterModel.of(
                self._past_runs, self._gaps, self._past, partial(curves_at, self._prior.shapes)
            )
        return self._cluster

    def components(self, progress: Progress, bounds: Bounds) -> Remaining | None:
        """Distribution of each remaining component, None if no past run had any.

        At every candidate of the bounds, and at the present scale-out.
        """
        past = self._past
        if past is None:
            return None
        progress = self._gaps.remove_from_progress(progress)
        executors = with_present(bounds.candidates, progress.executors)
        share = past.shares(progress)
        current = past.running(progress)
        if progress.running is None:
            current = past.following(share)
        columns = np.flatnonzero(share > 0)
        spent_s = max(progress.elapsed_s - sum(c.added_s or 0.0 for c in progress.finished), 0.0)
        found = _Finished.of(progress, past)
        context = self._prior.scanned.added(progress.context, found.columns, found.input_bytes)
        given = self._given(found, context, executors, columns)
        tail_s = float(np.median(past.tail_s))
        if current is None and progress.running is None:  # only what follows the last is left
            tail_s = max(tail_s - spent_s, 0.0)
        all_s = float(self._typical_s @ self._prior.share)
        left = float(self._typical_s[columns] @ share[columns]) / max(all_s, SMALLEST_S)
        return Remaining(
            executors=executors,
            present=progress.executors,
            columns=columns,
            log_median=given.log_median,
            share=share[columns],
            covariance=given.covariance,
            guess_log_sd=np.hypot(
                self._curves.log_sd(executors, context)[:, columns], given.shift_log_sd
            ),
            current=None if current is None else int(np.searchsorted(columns, current)),
            spent_s=spent_s,
            tail_s=tail_s,
            left=min(left, 1.0),
            disturbed=not all(is_clean(component) for component in progress.finished),
            finished=given.finished,
            changed=given.shift_log_sd > 0,
        )

    def combine(self, remaining: Remaining, bounds: Bounds) -> Forecast:
        """The forecast of the sum at every candidate."""
        candidates = bounds.candidates
        log_median, covariance = remaining.left_at(candidates)
        total = lognormal_sum(log_median, remaining.share, covariance, remaining.tail_s)
        executors = np.array(candidates, dtype=np.float64)
        shift, log_sd = self._calibration.at(
            remaining.left, executors, total.log_sd, remaining.disturbed
        )
        unknown = _unknown_log_sd(remaining, candidates, log_median)
        log_sd = np.minimum(np.hypot(log_sd, unknown), CEILING)
        median_s = np.maximum(total.median_s * np.exp(shift), SMALLEST_S)
        return Forecast(self.name, candidates, tuple(median_s.tolist()), tuple(log_sd.tolist()))

    def _given(
        self,
        found: _Finished,
        context: RunContext,
        executors: tuple[int, ...],
        columns: NDArray[np.intp],
    ) -> _GivenFinished:
        """What is said of the remaining components given the finished ones."""
        effect = self._prior.context_effect
        row = effect.features.row(context)
        log_median = self._curves.at(executors, row)[:, columns]
        residuals = self._prior.residuals.with_factors(effect.unknown(row))
        noise = DISTURBED_NOISE * found.disturbed
        given = residuals.condition(found.columns, columns, noise)
        if not found.columns.size:
            return _GivenFinished(log_median, given.covariance, 0.0, np.empty((2, 0)))
        sizes, index = np.unique(np.maximum(np.rint(found.executors), 1.0), return_inverse=True)
        curves = self._curves.at(tuple(sizes.astype(int).tolist()), row)
        began = curves[index.ravel()[0]]
        at = curves[index.ravel(), found.columns]
        off = found.log_s - at
        promised = began[found.columns] - at
        short, _ = self._prior.rescale_efficiency.of(
            off, promised, 1.0 / (1.0 + noise), found.columns
        )
        log_median += short * (began[columns] - log_median)
        off = off - short * promised
        guess = self._curves.curve_log_sd(tuple(sizes.astype(int).tolist()))
        guess_found = guess[index.ravel(), found.columns]
        error = CurveError.of(
            off,
            guess_found,
            residuals.sd[found.columns] ** 2 * (1.0 + noise),
            self._prior.rescale_efficiency.level_variance,
            np.log(sizes)[index.ravel()],
        )
        off -= guess_found * error.at(np.log(sizes))[index.ravel()]
        log_median += (
            self._curves.curve_log_sd(executors)[:, columns]
            * error.at(np.log(np.array(executors, dtype=np.float64)))[:, None]
        )
        residual = residuals.limited(off, found.columns)
        limit = np.hypot(residuals.limit(found.columns), FARTHEST * guess_found)
        shift = LastingShift.of(off, limit, found.disturbed)
        return _GivenFinished(
            log_median + given.gain @ residual + shift.log_shift,
            given.covariance,
            shift.log_sd,
            np.stack([found.log_s, at]),
        )


@dataclass(frozen=True, slots=True)
class _GivenFinished:
    """Remaining components given the finished ones, see `Remaining`.

    :param shift_log_sd: how uncertain it is by how much a change inside the run moves all of them
    :param finished: what was observed and expected of the finished
    """

    log_median: FloatArray
    covariance: FloatArray
    shift_log_sd: float
    finished: FloatArray


@dataclass(frozen=True, slots=True)
class _Finished:
    """Finished components of the present run that some past run had, in order; ``(f,)`` each.

    :param disturbed: 1 where an executor came or went, 0 elsewhere
    """

    columns: NDArray[np.intp]
    log_s: FloatArray
    executors: FloatArray
    disturbed: FloatArray
    input_bytes: FloatArray

    @classmethod
    def of(cls, progress: Progress, past: Alignment) -> Self:
        found = [
            (column, c.added_s, executors_of(c), not is_clean(c), c.input_bytes)
            for c in progress.finished
            if (column := past.column(c)) is not None and c.added_s is not None
        ]
        columns, added_s, executors, disturbed, read = np.array(found, dtype=float).reshape(-1, 5).T
        return cls(columns.astype(np.intp), log_seconds(added_s), executors, disturbed, read)


def _unknown_log_sd(
    remaining: Remaining, candidates: tuple[int, ...], log_median: FloatArray
) -> FloatArray:
    """Extra log standard deviation where what is known of the rest is a guess, ``(c,)``.

    Each component counts with its part of the time. A guess is as wrong for all of them.
    """
    if not remaining.columns.size:
        return np.zeros(len(candidates))
    expected_s = remaining.share * np.exp(log_median)
    part = expected_s / expected_s.sum(axis=1, keepdims=True)
    log_sd: FloatArray = (part * remaining.guess_log_sd[remaining.rows(candidates)]).sum(axis=1)
    return log_sd
