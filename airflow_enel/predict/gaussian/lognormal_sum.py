"""Sum of correlated log-normals that come with a probability (Fenton–Wilkinson)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.predict.samples import FloatArray

LARGEST_LOG_SD = 2.0
"""Beyond a factor of 7 a log-normal's mean is that of its tail and no longer means anything."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal per candidate: median and standard deviation of the logarithm, ``(c,)``."""

    median_s: FloatArray
    log_sd: FloatArray


def lognormal_sum(
    log_median: FloatArray, share: FloatArray, covariance: FloatArray, constant_s: float = 0.0
) -> LogNormal:
    """The log-normal with the mean and the variance of the sum (Fenton and Wilkinson).

    :param log_median: of the components' seconds, ``(c, m)``
    :param share: the probability that each comes, independent of the others, ``(m,)``
    :param covariance: of the logarithms, ``(m, m)``
    :param constant_s: what is added for certain
    """
    limit = LARGEST_LOG_SD**2
    variance = np.minimum(np.diag(covariance), limit)
    # In units of the largest, or squares of huge seconds overflow.
    unit = log_median.max(axis=1, keepdims=True) if log_median.size else np.zeros((1, 1))
    certain = np.exp(log_median - unit + variance / 2)
    mean = certain * share
    total = mean.sum(axis=1) + constant_s * np.exp(-unit[:, 0])
    spread = ((mean @ np.expm1(np.clip(covariance, -limit, limit))) * mean).sum(axis=1)
    spread += (certain**2 * np.exp(variance) * share * (1 - share)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_variance = np.where(total > 0, np.log1p(np.maximum(spread, 0.0) / total**2), 0.0)
    median_s = total * np.exp(unit[:, 0] - log_variance / 2)
    return LogNormal(median_s, np.sqrt(log_variance))
