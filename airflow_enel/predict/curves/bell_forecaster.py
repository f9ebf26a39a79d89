"""Forecaster ``bell``: the total runtime from Bell's curve, without regard to components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Forecast
from airflow_enel.predict.curves.walk_forward import fit_walk_forward
from airflow_enel.predict.spread import CEILING, UNKNOWN, robust_log_sd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Bounds, PastRun, Progress
    from airflow_enel.predict.curves.bell import BellCurves

LEAST_REMAINING_S: Final = 0.001
"""Remaining seconds of a run that has outlasted its prediction."""


class BellRuntime:
    """Bell's curve of total runtimes over the mean executors of past runs.

    Remaining seconds at s = max(total(s) − elapsed, 1 ms). It ignores the components: that this
    run is ahead or behind, that the time so far was spent at another scale-out than s, and that
    a change takes time. So it is meant for the choice before the start.

    The spread is that of the total, from walk-forward residuals of past runs; it does not shrink
    as the run goes on, so the remaining part carries it as a larger share (at most
    :data:`~airflow_enel.predict.spread.CEILING`). 0.3 with one past run.
    """

    name: Final = "bell"

    def __init__(self) -> None:
        self._curve: BellCurves | None = None
        self._log_sd = UNKNOWN
        self._runs = 0

    def __repr__(self) -> str:
        model = None if self._curve is None else self._curve.models[0]
        return f"BellRuntime(runs={self._runs}, log_sd={self._log_sd:.3g}, model={model!r})"

    def fit(self, past_runs: Sequence[PastRun]) -> Self:
        """Learn from past runs in any order; those without executors or runtime are left out."""
        samples = [
            (run.mean_executors, run.runtime_s)
            for run in sorted(past_runs, key=lambda run: (run.started_at, run.run_id))
            if 0 < run.mean_executors < np.inf and 0 < run.runtime_s < np.inf
        ]
        self._runs = len(samples)
        self._curve, self._log_sd = None, UNKNOWN
        if samples:
            executors, runtime_s = np.array(samples, dtype=np.float64).T
            known = np.arange(self._runs)[:, None]
            self._curve, (actual_s, predicted_s) = fit_walk_forward(
                executors[:, None], runtime_s[:, None], lambda runs: known < runs
            )
            self._log_sd = robust_log_sd(np.log(actual_s[:, 0]) - np.log(predicted_s[:, 0]))
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Remaining seconds per candidate, None if it was fitted on no run."""
        if self._curve is None:
            return None
        total_s = self._curve.at(np.array([bounds.candidates], dtype=np.float64))[0]
        remaining_s = np.maximum(total_s - progress.elapsed_s, LEAST_REMAINING_S)
        log_sd = np.minimum(self._log_sd * np.maximum(total_s / remaining_s, 1.0), CEILING)
        return Forecast(
            self.name, bounds.candidates, tuple(remaining_s.tolist()), tuple(log_sd.tolist())
        )
