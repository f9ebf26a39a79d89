"""Robust spread of forecast errors from a few residuals, and walk-forward blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from airflow_enel.predict.samples import FloatArray

FLOOR: Final = 0.05
"""Equal runs of a job on a shared cluster differ by about 5 % whatever the model."""
UNKNOWN: Final = 0.3
"""Without a single residual: the whole of what published jobs were seen to vary."""
CEILING: Final = 2.0
"""A factor of 7; beyond it a spread says no more than that nothing is known."""

_COVERED: Final = 0.8
_UPPER: Final = 0.9  # upper end of the interval that covers as much


def robust_log_sd(residuals: FloatArray) -> float:
    """Spread of log-normal errors from residuals ``log(actual / predicted)`` of shape ``(n,)``.

    The 80 % quantile of their absolute values over that of the normal distribution (1.28), so
    that the 80 % interval holds 80 % of such residuals, whatever their tails; around 0, so that a
    bias counts as spread; at least :data:`FLOOR`. Times the ratio of the 90 % quantiles of
    Student's t with n degrees of freedom and of the normal distribution, because few residuals
    say little (n = 1: 2.40, 2: 1.47, 5: 1.15, 20: 1.03); at most :data:`CEILING`.
    :data:`UNKNOWN` if n = 0.
    """
    if not residuals.size:
        return UNKNOWN
    spread = max(float(np.quantile(np.abs(residuals), _COVERED) / ndtri(_UPPER)), FLOOR)
    inflation = float(stdtrit(residuals.size, _UPPER) / ndtri(_UPPER))
    return min(spread * inflation, CEILING)


def walk_forward_blocks(runs: int) -> tuple[tuple[int, int], ...]:
    """Pairs (fit on the runs before this one, judge on those from it to before that one).

    One run at a time while runs are few. Of many only the later half is judged, in two blocks:
    two fits instead of one per run, and old residuals would not describe today's model.
    """
    if runs <= 8:  # noqa: PLR2004 - few
        return tuple((run, run + 1) for run in range(1, runs))
    half, three_quarters = runs // 2, runs * 3 // 4
    return ((half, three_quarters), (three_quarters, runs))
