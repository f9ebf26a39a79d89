"""Forecaster ``conditional``: component curves plus a Gaussian conditioned on finished ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import log_ndtr  # type: ignore[import-untyped]

from airflow_enel.domain import Forecast
from airflow_enel.predict.alignment import Alignment, executors_of, is_clean
from airflow_enel.predict.gaussian.calibration import Calibration
from airflow_enel.predict.gaussian.lognormal_sum import LARGEST_LOG_SD, lognormal_sum
from airflow_enel.predict.gaussian.prior import Prior, log_seconds
from airflow_enel.predict.gaussian.residuals import DISTURBED_NOISE
from airflow_enel.predict.samples import SMALLEST_S
from airflow_enel.predict.spread import CEILING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.domain import Bounds, PastRun, Progress
    from airflow_enel.predict.samples import FloatArray

_UNKNOWN_ELASTICITY: Final = 12**-0.5
"""Standard deviation of an exponent of which only 0…1 is known."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """Components still to come: ``m`` of them at ``c`` candidates.

    :param candidates: executors, ascending, ``(c,)``
    :param columns: their columns in the alignment of the past runs, ``(m,)``
    :param log_median: log of the median seconds of each *as a whole*, given the finished ones,
        ``(c, m)``. The running one goes on at the present executors if the candidate is larger,
        all others run at the candidate.
    :param share: probability that each comes, ``(m,)``, > 0
    :param covariance: of the log seconds, given the finished ones, ``(m, m)``
    :param current: place of the running component among them, None if none runs
    :param spent_s: seconds since the last finish, which the running one has taken so far, as long
        as they would have been at the candidate, ``(c,)``
    :param tail_s: seconds from the last finish to the end of the application
    :param left: expected part of the whole runtime that is left, 0…1
    :param disturbed: whether an executor came or went inside a finished component
    :param context_log_sd: how uncertain the effect of this run's context on each is, ``(m,)``
    """

    candidates: tuple[int, ...]
    columns: NDArray[np.intp]
    log_median: FloatArray
    share: FloatArray
    covariance: FloatArray
    current: int | None
    spent_s: FloatArray
    tail_s: float
    left: float
    disturbed: bool
    context_log_sd: FloatArray


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
        self._prior: Prior
        self._calibration: Calibration
        self._typical_s: FloatArray
        self._known: dict[tuple[int, ...], FloatArray] = {}

    def __repr__(self) -> str:
        runs, components = (0, 0) if self._past is None else self._past.added_s.shape
        return f"Conditional(runs={runs}, components={components})"

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from past runs in any order; those without a finished component are left out."""
        past = Alignment.of(past_runs)
        self._past, self._known = (past if past.columns else None), {}
        if self._past is not None:
            self._prior = Prior.of(past)
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
        return None if remaining is None else self.combine(remaining)

    def components(self, progress: Progress, bounds: Bounds) -> Remaining | None:
        """Distribution of each remaining component, None if no past run had any."""
        past = self._past
        if past is None:
            return None
        share = past.shares(progress)
        current = past.running(progress)
        if progress.running is None:
            current = past.following(share)
        columns = np.flatnonzero(share > 0)
        spent_s = max(progress.elapsed_s - sum(c.added_s or 0.0 for c in progress.finished), 0.0)
        place = None if current is None else int(np.searchsorted(columns, current))
        log_median, covariance = self._given(progress, bounds, columns, place)
        tail_s = float(np.median(past.tail_s))
        if place is None and progress.running is None:  # only what follows the last is left
            tail_s = max(tail_s - spent_s, 0.0)
        slower = np.ones(len(bounds.candidates))
        if place is not None and progress.executors:  # the largest candidate is at the present size
            slower = np.exp(log_median[:, place] - log_median[-1, place])
        all_s = float(self._typical_s @ self._prior.share)
        left = float(self._typical_s[columns] @ share[columns]) / max(all_s, SMALLEST_S)
        return Remaining(
            bounds.candidates,
            columns,
            log_median,
            share[columns],
            covariance,
            place,
            spent_s * slower,
            tail_s,
            min(left, 1.0),
            not all(is_clean(component) for component in progress.finished),
            self._prior.context_effect.uncertainty(progress.context)[columns],
        )

    def combine(self, remaining: Remaining, log_correction: FloatArray | None = None) -> Forecast:
        """The forecast of the sum.

        :param log_correction: added to ``remaining.log_median`` first, ``(c, m)``; what another
            model makes of each component at each candidate
        """
        log_median, covariance = remaining.log_median, remaining.covariance
        if log_correction is not None:
            log_median = log_median + log_correction
        if remaining.current is not None and remaining.spent_s.any():
            log_median, covariance = _with_rest_of_running(remaining, log_median)
        total = lognormal_sum(log_median, remaining.share, covariance, remaining.tail_s)
        executors = np.array(remaining.candidates, dtype=np.float64)
        shift, log_sd = self._calibration.at(
            remaining.left, executors, total.log_sd, remaining.disturbed
        )
        unknown = self._unknown_log_sd(executors, remaining, log_median)
        log_sd = np.minimum(np.hypot(log_sd, unknown), CEILING)
        median_s = np.maximum(total.median_s * np.exp(shift), SMALLEST_S)
        return Forecast(
            self.name, remaining.candidates, tuple(median_s.tolist()), tuple(log_sd.tolist())
        )

    def _given(
        self,
        progress: Progress,
        bounds: Bounds,
        columns: NDArray[np.intp],
        place: int | None,
    ) -> tuple[FloatArray, FloatArray]:
        """Log medians and covariance of the remaining components given the finished ones."""
        assert self._past is not None  # noqa: S101 - asked only of a fitted forecaster
        effect = self._prior.context_effect.of(progress.context)
        log_median = self._at(bounds.candidates)[:, columns]
        if place is not None and progress.executors:
            # Executors that are still to come help what follows; those that go are gone at once.
            present = self._at((progress.executors,))[0, columns[place]]
            larger = np.array(bounds.candidates) > progress.executors
            log_median[larger, place] = present
        found = _Finished.of(progress, self._past)
        residuals, noise = self._prior.residuals, DISTURBED_NOISE * found.disturbed
        given = residuals.condition(found.columns, columns, noise)
        if not found.columns.size:
            return log_median + effect[columns], given.covariance
        sizes, index = np.unique(np.maximum(np.rint(found.executors), 1.0), return_inverse=True)
        curves = self._at(tuple(sizes.astype(int).tolist()))
        began = curves[index.ravel()[0]]
        at = curves[index.ravel(), found.columns]
        off = found.log_s - effect[found.columns] - at
        promised = began[found.columns] - at
        short, _ = self._prior.rescale_efficiency.of(
            off, promised, 1.0 / (1.0 + noise), found.columns
        )
        log_median += short * (began[columns] - log_median)
        residual = residuals.limited(off - short * promised, found.columns)
        return log_median + effect[columns] + given.gain @ residual, given.covariance

    def _at(self, executors: tuple[int, ...]) -> FloatArray:
        """Log seconds per scale-out and component, ``(len(executors), m)``; computed once."""
        if executors not in self._known:
            self._known[executors] = self._prior.shapes.at(np.array(executors, dtype=np.float64))
        return self._known[executors]

    def _unknown_log_sd(
        self, executors: FloatArray, remaining: Remaining, log_median: FloatArray
    ) -> FloatArray:
        """Extra log standard deviation where what is known of the rest is a guess, ``(c,)``.

        Its curves, and the effect of the context, far from what was seen. Each component counts
        with its part of the time. A guess is as wrong for all of them.
        """
        if not remaining.columns.size:
            return np.zeros(executors.size)
        expected_s = remaining.share * np.exp(log_median)
        part = expected_s / expected_s.sum(axis=1, keepdims=True)
        log_sd: FloatArray = (part * self._guess_log_sd(executors)[:, remaining.columns]).sum(
            axis=1
        )
        return log_sd

    def _guess_log_sd(self, executors: FloatArray) -> FloatArray:
        """How uncertain each component is at each size, ``(c, m)``.

        Between the shapes that its sizes allow, and for its distance to the nearest of them.
        """
        curves = self._prior.shapes
        apart = np.abs(np.log(executors)[:, None] - np.log(curves.sizes)[None, :])
        seen = curves.mass > 0
        distance = np.where(seen[None], apart[:, :, None], np.inf).min(axis=1)
        far = _UNKNOWN_ELASTICITY * distance / np.sqrt(seen.sum(axis=0))
        guess: FloatArray = np.hypot(far, curves.log_sd(executors))
        return guess


@dataclass(frozen=True, slots=True)
class _Finished:
    """Finished components of the present run that some past run had, in order; ``(f,)`` each.

    :param disturbed: 1 where an executor came or went, 0 elsewhere
    """

    columns: NDArray[np.intp]
    log_s: FloatArray
    executors: FloatArray
    disturbed: FloatArray

    @classmethod
    def of(cls, progress: Progress, past: Alignment) -> Self:
        found = [
            (column, c.added_s, executors_of(c), not is_clean(c))
            for c in progress.finished
            if (column := past.column(c)) is not None and c.added_s is not None
        ]
        columns, added_s, executors, disturbed = np.array(found, dtype=float).reshape(-1, 4).T
        return cls(columns.astype(np.intp), log_seconds(added_s), executors, disturbed)


def _with_rest_of_running(
    remaining: Remaining, log_median: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Log medians and covariance with the rest of the running component instead of the whole.

    The log-normal with the mean and the variance of ``T − spent`` given ``T > spent``.
    """
    place = remaining.current
    assert place is not None  # noqa: S101 - the caller has looked
    covariance = remaining.covariance.copy()
    sd = float(np.clip(np.sqrt(covariance[place, place]), 1e-6, LARGEST_LOG_SD))
    mu = log_median[:, place]
    far = (np.log(remaining.spent_s) - mu) / sd
    lasting = log_ndtr(-far)
    # E[T^k | T > spent] = exp(k·mu + k²·sd²/2) · Φ(k·sd − far) / Φ(−far)
    first, second = (
        np.exp(np.minimum(k * mu + k**2 * sd**2 / 2 + log_ndtr(k * sd - far) - lasting, 600.0))
        for k in (1, 2)
    )
    mean = np.maximum(first - remaining.spent_s, SMALLEST_S)
    variance = np.maximum(second - first**2, 0.0)
    log_variance = np.minimum(np.log1p(variance / mean**2), LARGEST_LOG_SD**2)
    log_median = log_median.copy()
    log_median[:, place] = np.log(mean) - log_variance / 2
    scale = float(np.sqrt(np.median(log_variance))) / sd
    covariance[place, :] *= scale
    covariance[:, place] *= scale
    return log_median, covariance
