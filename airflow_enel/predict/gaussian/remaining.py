"""Distribution of the components still to come, of which every forecast of the prior is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr  # type: ignore[import-untyped]

from airflow_enel.predict.component_forecasts import ComponentTimes, Spreads
from airflow_enel.predict.gaussian.lognormal_sum import LARGEST_LOG_SD
from airflow_enel.predict.samples import SMALLEST_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class Remaining:
    """Components still to come: ``m`` of them at ``c`` scale-outs, given the finished ones.

    :param executors: scale-outs, ascending, the present one among them, ``(c,)``
    :param present: executors that take tasks now, 0 before any has registered
    :param columns: their columns in the alignment of the past runs, ``(m,)``
    :param log_median: log of the median seconds of each *as a whole*, also of the running one, if
        it runs at that scale-out from its start to its end, ``(c, m)``
    :param share: probability that each comes, ``(m,)``, > 0
    :param covariance: of the log seconds around the medians, ``(m, m)``
    :param guess_log_sd: how uncertain the curves, and the effects of the run's context, are at
        each scale-out, ``(c, m)``; as wrong for all components
    :param current: place of the running component among them, None if none runs
    :param spent_s: seconds since the last finish, which the running one has taken so far
    :param tail_s: seconds from the last finish to the end of the application
    :param left: expected part of the whole runtime that is left, 0…1
    :param disturbed: whether an executor came or went inside a finished component
    :param finished: log seconds of finished components, and those that were expected of them
        before the start at their scale-outs, in the order in which they finished, ``(2, f)``
    :param changed: True if the run has perhaps become slower or faster as a whole
    """

    executors: tuple[int, ...]
    present: int
    columns: NDArray[np.intp]
    log_median: FloatArray
    share: FloatArray
    covariance: FloatArray
    guess_log_sd: FloatArray
    current: int | None
    spent_s: float
    tail_s: float
    left: float
    disturbed: bool
    finished: FloatArray
    changed: bool

    def corrected(self, log_correction: FloatArray) -> Remaining:
        """With what another model makes of each component at each scale-out, ``(c, m)``."""
        return replace(self, log_median=self.log_median + log_correction)

    def times(self) -> ComponentTimes:
        """Log seconds of each, with spreads as if they were independent."""
        largest = self.log_median.max(axis=1, keepdims=True, initial=0.0)  # or squares overflow
        expected_s = self.share * np.exp(self.log_median - largest)
        return ComponentTimes(
            executors=self.executors,
            log_median=self.log_median,
            spreads=Spreads.of(expected_s, self.covariance, (self.guess_log_sd,)),
            share=self.share,
            spent_s=0.0 if self.current is None else self.spent_s,
            tail_s=self.tail_s,
            finished=self.finished,
            changed=self.changed,
        )

    def rows(self, candidates: Sequence[int]) -> NDArray[np.intp]:
        """Places of some of the scale-outs."""
        return np.searchsorted(self.executors, candidates)

    def left_at(self, candidates: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """What is left of each component after a change to a candidate.

        Executors that are still to come help what follows the running component; those that go
        are gone at once, and what it has taken so far would have been longer without them. Of the
        running one counts what lies beyond the time spent.

        :param candidates: some of the scale-outs, ``(k,)``
        :return: log medians ``(k, m)`` and the covariance ``(m, m)``
        """
        log_median = self.log_median[self.rows(candidates)]
        if self.current is None:
            return log_median, self.covariance
        spent_s = np.full(len(log_median), self.spent_s, dtype=np.float64)
        if self.present:
            now = self.log_median[self.rows([self.present])[0], self.current]
            log_median[np.array(candidates) > self.present, self.current] = now
            spent_s *= np.exp(log_median[:, self.current] - now)
        if not self.spent_s:
            return log_median, self.covariance
        return _with_rest(log_median, self.covariance, self.current, spent_s)


def _with_rest(
    log_median: FloatArray, covariance: FloatArray, place: int, spent_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Log medians and covariance with the rest of the running component instead of the whole.

    The log-normal with the mean and the variance of ``T − spent`` given ``T > spent``.
    """
    covariance = covariance.copy()
    sd = float(np.clip(np.sqrt(covariance[place, place]), 1e-6, LARGEST_LOG_SD))
    mu = log_median[:, place]
    far = (np.log(spent_s) - mu) / sd
    lasting = log_ndtr(-far)
    # E[T^k | T > spent] = exp(k·mu + k²·sd²/2) · Φ(k·sd − far) / Φ(−far)
    first, second = (
        np.exp(np.minimum(k * mu + k**2 * sd**2 / 2 + log_ndtr(k * sd - far) - lasting, 600.0))
        for k in (1, 2)
    )
    mean = np.maximum(first - spent_s, SMALLEST_S)
    variance = np.maximum(second - first**2, 0.0)
    log_variance = np.minimum(np.log1p(variance / mean**2), LARGEST_LOG_SD**2)
    log_median = log_median.copy()
    log_median[:, place] = np.log(mean) - log_variance / 2
    scale = float(np.sqrt(np.median(log_variance))) / sd
    covariance[place, :] *= scale
    covariance[:, place] *= scale
    return log_median, covariance
