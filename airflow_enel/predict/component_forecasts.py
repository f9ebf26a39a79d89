"""Builds the component forecasts of planners from arrays and from past runs of a job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import ComponentForecast, Plant
from airflow_enel.predict.deviations import Deviations
from airflow_enel.predict.failures import FailureModel
from airflow_enel.predict.plant import learn_plant
from airflow_enel.predict.spread import CEILING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import PastRun, Progress
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.pauses import UsualGaps
    from airflow_enel.predict.samples import FloatArray, IndexArray

FEW_RUNS: Final = 10
"""As long as there are fewer, planners try sizes and stay near those that were seen."""
MOST_INFLATION: Final = 6.0
"""Of variances, for correlation between components."""
_BARRIERS: Final = 2  # in a row, at which a component must have taken too long


@dataclass(frozen=True, slots=True)
class ClusterModel:
    """What the past runs of a job say of executors: changes of their number, and losses."""

    plant: Plant
    failures: FailureModel

    @classmethod
    def of(
        cls,
        past_runs: Sequence[PastRun],
        gaps: UsualGaps,
        past: Alignment,
        curves: Callable[[FloatArray], FloatArray],
    ) -> Self:
        """Learn from past runs, see `Deviations.of`.

        :param gaps: of these past runs
        """
        deviations = Deviations.of(past_runs, past, curves)
        plant = learn_plant(deviations, gaps)
        return cls(plant, FailureModel.of(deviations, plant.growth_gain))


@dataclass(frozen=True, slots=True)
class ComponentTimes:
    """Log seconds of ``m`` components to come at ``c`` scale-outs, in any order.

    :param log_median: ``(c, m)``
    :param spreads: of their log seconds
    :param share: probability that each comes, ``(m,)``
    :param spent_s: seconds that the first of ``order`` has taken, counted only if it runs
    :param finished: log seconds of finished components, and those expected of them, in order,
        ``(2, f)``; none if that is not known
    :param changed: True if the run has perhaps become slower or faster as a whole
    """

    executors: tuple[int, ...]
    log_median: FloatArray
    spreads: Spreads
    share: FloatArray
    spent_s: float
    tail_s: float
    finished: FloatArray = field(default_factory=lambda: np.empty((2, 0)))
    changed: bool = False

    def forecast(
        self,
        order: IndexArray,
        cluster: ClusterModel,
        progress: Progress,
        past: Alignment,
        columns: IndexArray,
    ) -> ComponentForecast:
        """The forecast for planners.

        :param order: places of the components in the order in which they come, ``(m,)``
        :param columns: of the components in the alignment of the past runs, ``(m,)``
        """
        together = self.changed or len(past.added_s) < FEW_RUNS
        log_sd = self.spreads.log_sd if together else self.spreads.independent()
        return ComponentForecast(
            executors=self.executors,
            log_median=_rows(self.log_median[:, order]),
            log_sd=_rows(np.minimum(log_sd[:, order], CEILING)),
            share=tuple(self.share[order].tolist()),
            spent_s=float(self.spent_s),
            tail_s=float(self.tail_s),
            failures=cluster.failures.at(progress),
            plant=cluster.plant,
            fewest_executors=_fewest_executors(past, columns[order]),
            explored=past.explored(progress),
            overrun=self._overrun(cluster.failures.stall_s),
            correlation=tuple(self.spreads.correlation().tolist()) if together else (),
        )

    def _overrun(self, stall_s: float) -> float:
        took_s, expected_s = np.exp(self.finished[:, -_BARRIERS:]) + stall_s
        return float((took_s / expected_s).min()) if took_s.size == _BARRIERS else 0.0


def _fewest_executors(past: Alignment, columns: IndexArray) -> tuple[int, ...]:
    """Of each component; none once there are enough runs to believe curves where none was."""
    if len(past.added_s) >= FEW_RUNS:
        return ()
    return tuple(past.fewest_executors()[columns].tolist())


def with_present(candidates: tuple[int, ...], present: int) -> tuple[int, ...]:
    """Candidates and the present scale-out, ascending; 0 is none."""
    return tuple(sorted({*candidates, present} - {0}))


@dataclass(frozen=True, slots=True)
class Spreads:
    """Spreads of the log seconds of ``m`` components at ``c`` scale-outs.

    :param log_sd: of each, ``(c, m)``
    :param expected_s: seconds to be expected of each in any unit per scale-out, ``(c, m)``
    :param of_sum: variance of the sum over what it would be if they were independent, ``(c,)``
    """

    log_sd: FloatArray
    expected_s: FloatArray
    of_sum: FloatArray

    @classmethod
    def of(
        cls, expected_s: FloatArray, covariance: FloatArray, common: Sequence[FloatArray] = ()
    ) -> Self:
        """Sum up what is known of the components.

        :param expected_s: μ, seconds of each at each scale-out, ``(c, m)``
        :param covariance: part of V that is the same at all scale-outs, ``(m, m)``
        :param common: standard deviations that all components share, ``(c, m)`` each: V has their
            outer products besides
        """
        part = expected_s / np.maximum(expected_s.max(axis=1, keepdims=True, initial=0.0), 1e-300)
        variance = np.diag(covariance) + sum((sd**2 for sd in common), np.zeros_like(part))
        total = ((part @ covariance) * part).sum(axis=1)
        total += sum(((part * sd).sum(axis=1) ** 2 for sd in common), np.zeros(len(part)))
        alone = (part**2 * variance).sum(axis=1)
        of_sum = total / np.where(alone > 0, alone, np.inf)
        return cls(np.sqrt(variance), part, of_sum)

    def towards(self, other: Self, share: float) -> Self:
        """Spreads between these and others, of the same expected seconds."""
        return replace(
            self,
            log_sd=self.log_sd + share * (other.log_sd - self.log_sd),
            of_sum=self.of_sum + share * (other.of_sum - self.of_sum),
        )

    def independent(self) -> FloatArray:
        """Spreads with which independent components have the variance of the sum, ``(c, m)``.

        Variances times ``μᵀVμ / Σ μ²V_kk``, but no less than 1 and no more than
        :data:`MOST_INFLATION` times: larger ones would move the means.
        """
        inflation = np.clip(self.of_sum, 1.0, MOST_INFLATION)
        log_sd: FloatArray = self.log_sd * np.sqrt(inflation)[:, None]
        return log_sd

    def correlation(self) -> FloatArray:
        """The correlation with which they have the variance of the sum, if all share one, ``(c,)``.

        ``(μᵀVμ − Σ μ²V_kk) / ((Σ μ√V_kk)² − Σ μ²V_kk)``, 0…1.
        """
        weighed = self.expected_s * self.log_sd
        alone = (weighed**2).sum(axis=1)
        apart = weighed.sum(axis=1) ** 2 - alone
        found = (self.of_sum - 1.0) * alone / np.where(apart > 0, apart, np.inf)
        correlation: FloatArray = np.clip(found, 0.0, 1.0)
        return correlation


def _rows(values: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.T.tolist()))
