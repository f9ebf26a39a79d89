"""Effect of a run's context, such as the size of its input, on the times of its components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.gaussian.context_features import ContextFeatures
from airflow_enel.predict.gaussian.nested_regression import NestedRegression, Prior
from airflow_enel.predict.samples import SMALLEST_S

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.samples import FloatArray

ELASTICITY_SD: Final = 0.5
"""Of what a job's elasticity may be, and of a component's around it: 1 if all grows alike."""
OFFSET_SD: Final = 0.3
"""Of what a text may change, in logs."""
ODDS: Final = 0.5
"""Of one more number in the regression, before anything was seen."""
NEW_TEXT_LOG_SD: Final = 0.2
"""Of a text that no past run had, where they had the same again and again."""

NEW_CODE_LOG_SD: Final = 0.3
"""Of what new code changes, as if one change had shown it."""
CHANGE_SD: Final = 0.7
"""Of what a change of the job does, once it is known that there was one."""

_WITH_SIZE_SD = 0.2  # of how an elasticity may change with the log of the size
_OWN_SD, _OWN_NOISE = 0.5, 0.4  # of components around the job, and of their times
_NOISE, _NOISE_RUNS = 0.07, 2.0  # of a whole run, as if so many runs had shown it
_BEYOND_LOG_SD = 0.15  # per log outside of what was seen: an elasticity holds where it was learned


@dataclass(frozen=True, slots=True)
class ContextEffect:
    """``log t_j(s) = … + Σ_f (β_f + β_jf + γ_f·log(s / s̄)) · x_f`` for ``m`` components.

    ``x`` are the columns of :class:`ContextFeatures`, so β of a number is an elasticity. The
    job's β and γ are learned from whole runs, each component's from what they leave of it, by
    :class:`NestedRegression`: as far as the runs are more probable with it than without. So three
    runs with two inputs are enough to begin with, and a component that does not grow stays flat.

    What goes along with the size is left out of both before one is compared with the other
    (Frisch and Waugh): larger inputs may have had larger sizes.

    :param centre: log s̄
    :param job: of whole runs, one target, on x and x·log(s / s̄) of the numbers
    :param own: of the components, ``m`` targets, on x
    """

    features: ContextFeatures
    centre: float
    job: NestedRegression | None
    own: NestedRegression | None

    @classmethod
    def none(cls, features: ContextFeatures) -> Self:
        """No effect that is known of."""
        return cls(features, 0.0, None, None)

    @classmethod
    def fit(
        cls,
        features: ContextFeatures,
        rows: FloatArray,
        residual: FloatArray,
        expected_s: FloatArray,
        log_size: FloatArray,
        weight: FloatArray,
    ) -> Self:
        """Learn from ``n`` past runs.

        :param rows: their columns, NaN where unknown, ``(n, f)``
        :param residual: log seconds less those of the curves, 0 where there are none, ``(n, m)``
        :param expected_s: seconds of the curves there, ``(n, m)``
        :param log_size: log executors there, ``(n, m)``
        :param weight: of each sample, 0 where there is none, ``(n, m)``
        """
        known = np.nan_to_num(rows)
        off, size = whole_runs(residual, expected_s, log_size, weight)
        centre = float(size.mean())
        columns = _with_size(features, known, size - centre)
        job = NestedRegression.fit(
            columns[:, None, :],
            off[:, None],
            weight.max(axis=1)[:, None],
            nuisance=_intercept_and(size - centre)[:, None, :],
            prior=_prior_of_job(features),
        )
        left = np.where(weight > 0, residual - (columns @ job.mean[0])[:, None], 0.0)
        every = np.broadcast_to(known[:, None, :], (*weight.shape, features.size))
        own = NestedRegression.fit(
            every,
            left,
            weight * job.weight,
            nuisance=_intercept_and(np.where(weight > 0, log_size - centre, 0.0)),
            prior=_prior_of_components(features),
        )
        return cls(features, centre, job, own)

    def of(self, rows: FloatArray, log_size: FloatArray) -> FloatArray:
        """Log of the factor on each component, ``(k, m)``; unknown columns do nothing.

        :param rows: columns of one run ``(1, f)`` or of each, ``(k, f)``; NaN where unknown
        :param log_size: log executors, ``(k, 1)`` or ``(k, m)``
        """
        if self.job is None or self.own is None:
            return np.zeros((1, 1))
        known = np.nan_to_num(rows)
        features, numbers = self.features.size, len(self.features.numbers)
        of_job = self.job.mean[0]
        slope = known[:, :numbers] @ of_job[features:]
        with_size: FloatArray = slope[:, None] * (log_size - self.centre)
        usual: FloatArray = known @ (of_job[:features] + self.own.mean).T
        return usual + with_size

    def log_sd(self, context: RunContext, log_size: FloatArray) -> FloatArray:
        """Standard deviation of `of` for what is known of one run, ``(c, m)``.

        It grows with the distance to what was seen, and where what never varied is new.

        :param log_size: log executors, ``(c,)``
        """
        far, new_texts = self.features.changed(context)
        beyond = (_BEYOND_LOG_SD * self.features.outside(context)) ** 2
        changed = (ELASTICITY_SD * far) ** 2 + new_texts * NEW_TEXT_LOG_SD**2
        if self.features.has_new_code(context):
            changed += self._code_variance()
        variance = np.full((log_size.size, 1), beyond + changed)
        if self.job is not None and self.own is not None:
            known = np.nan_to_num(self.features.row(context))[None]
            columns = _with_size(
                self.features, known.repeat(log_size.size, axis=0), log_size - self.centre
            )
            variance = variance + self.job.variance(columns) + self.own.variance(known)
        log_sd: FloatArray = np.sqrt(variance)
        return log_sd

    def _code_variance(self) -> float:
        """Of what new code changes, by what it has changed so far."""
        changes = len(self.features.changed_at)
        if self.job is None or not changes:
            return NEW_CODE_LOG_SD**2
        seen = self.job.mean[0, : self.features.size][-changes:]
        return float((NEW_CODE_LOG_SD**2 + (seen**2).sum()) / (1 + changes))

    def unknown(self, row: FloatArray) -> FloatArray:
        """What one standard deviation of each unknown column would do, ``(u, m)``."""
        if self.job is None or self.own is None:
            return np.zeros((0, 1))
        missing = np.isnan(row)
        mean = self.own.mean.T + self.job.mean[0, : self.features.size, None]
        unknown: FloatArray = (self.features.spread[:, None] * mean)[missing]
        return unknown


def whole_runs(
    residual: FloatArray, expected_s: FloatArray, log_size: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Log of actual over expected seconds of each run, and its mean log size, ``(n,)`` each.

    Of the components that count; see `ContextEffect.fit`.
    """
    expected = np.where(weight > 0, expected_s, 0.0)
    usual_s = np.maximum(expected.sum(axis=1), SMALLEST_S)
    actual_s = np.maximum((expected * np.exp(residual)).sum(axis=1), SMALLEST_S)
    return np.log(actual_s / usual_s), (expected * log_size).sum(axis=1) / usual_s


def _with_size(features: ContextFeatures, rows: FloatArray, log_size: FloatArray) -> FloatArray:
    """Columns, and those of numbers times the log of the size, ``(n, f + numbers)``."""
    interactions = rows[:, : len(features.numbers)] * log_size[:, None]
    return np.concatenate([rows, interactions], axis=1)


def _intercept_and(log_size: FloatArray) -> FloatArray:
    return np.stack([np.ones_like(log_size), log_size], axis=-1)


def _prior_of_job(features: ContextFeatures) -> Prior:
    """Of many that could explain runtimes, each is the less probable."""
    numbers, values, changes = _counts(features)
    return _prior(
        (ELASTICITY_SD, numbers, 1.0),
        (OFFSET_SD, values, 1.0 / max(values, 1)),
        (CHANGE_SD, changes, 1.0),
        (_WITH_SIZE_SD, numbers, 1.0 / max(numbers, 1)),
        noise=_NOISE,
    )


def _prior_of_components(features: ContextFeatures) -> Prior:
    numbers, values, changes = _counts(features)
    return _prior(
        (_OWN_SD * ELASTICITY_SD, numbers, 1.0),
        (_OWN_SD * OFFSET_SD, values, 1.0 / max(values, 1)),
        (_OWN_SD * CHANGE_SD, changes, 1.0),
        noise=_OWN_NOISE,
    )


def _counts(features: ContextFeatures) -> tuple[int, int, int]:
    return len(features.numbers), len(features.values), len(features.changed_at)


def _prior(*kinds: tuple[float, int, float], noise: float) -> Prior:
    sd = np.concatenate([np.full(count, sd) for sd, count, _ in kinds])
    odds = np.concatenate([np.full(count, ODDS * part) for _, count, part in kinds])
    features = sum(count for _, count, _ in kinds[:3])
    needs = np.arange(sd.size)
    # How an effect changes with the size is asked only where there is an effect.
    needs[features:] = np.arange(sd.size - features)
    return Prior(sd, odds, needs, noise, _NOISE_RUNS)
