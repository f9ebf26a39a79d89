"""How the components of past runs deviate from their curves, for what is learned of executors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import PastRun
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import BoolArray, FloatArray, IndexArray

TELLING: Final = 0.1
"""Difference of log seconds that a component must show, if it is no noise."""

_SHORTEST_S: Final = 1e-3
_LEVEL_COMPONENTS: Final = 2.0  # of which a run's level is half believed
_TO_SIGMA: Final = 1.4826
_LEAST_LOG_SD: Final = 0.05
_MOST_EXECUTORS: Final = 4096  # of which curves are tabulated; more count as so many
_DEGREES: Final = 4.0  # of freedom of Student's t, which outliers do not impress
_TWO_RUNS: Final = 2  # at least, that must say the same
_PREFERRED: Final = 2.0  # log likelihood by which a run prefers one


@dataclass(frozen=True, slots=True)
class Deviations:
    """Components of ``n`` past runs, aligned in ``m`` columns.

    :param runs: the past runs, oldest first, ``(n,)``
    :param past: their alignment
    :param curves: log seconds at 1, 2, … executors, ``(s, m)``
    :param off: log seconds less those of the curve and less the level of the run, by which its
        components deviate before anything has happened to executors; NaN where there are none,
        ``(n, m)``
    :param level: log seconds by which runs deviate as a whole, ``(n,)``
    :param log_sd: of the components' own deviations, ``(m,)``
    :param calm: True where neither a change nor a loss had gone before, ``(n, m)``
    """

    runs: tuple[PastRun, ...]
    past: Alignment
    curves: FloatArray
    off: FloatArray
    level: FloatArray
    log_sd: FloatArray
    calm: BoolArray

    @classmethod
    def of(
        cls,
        past_runs: Iterable[PastRun],
        past: Alignment,
        curves: Callable[[FloatArray], FloatArray],
    ) -> Self:
        """Compare past runs with curves.

        :param past_runs: those of the alignment; others, of which nothing is in it, are left out
        :param curves: log seconds of all components at whole numbers of executors, ``(k,)`` to
            ``(k, m)``
        """
        runs = sorted(past_runs, key=lambda run: (run.started_at, run.run_id))
        usable = tuple(run for run in runs if any(_is_usable(c.added_s) for c in run.components))
        whole = _whole(np.nan_to_num(past.executors, nan=1.0))
        table = curves(np.arange(1.0, whole.max() + 1))
        at = table[whole - 1, np.arange(whole.shape[1])]
        off = np.log(np.maximum(past.added_s, _SHORTEST_S)) - at
        calm = past.before_any_change()
        known = np.where(calm, off, np.nan)
        count = (~np.isnan(known)).sum(axis=1)
        level = np.nan_to_num(median_of_columns(known.T)) * count / (count + _LEVEL_COMPONENTS)
        off = off - level[:, None]
        usual = np.where(calm.any(axis=0), calm, past.clean)
        spread = _TO_SIGMA * median_of_columns(np.abs(np.where(usual, off, np.nan)))
        log_sd = np.maximum(np.nan_to_num(spread), _LEAST_LOG_SD)
        return cls(usable, past, table, off, level, log_sd, calm)

    def curve(self, columns: IndexArray, executors: FloatArray) -> FloatArray:
        """Log seconds of components at executors of their own, ``(k,)``, up to the most seen."""
        found: FloatArray = self.curves[_whole(executors) - 1, columns]
        return found

    def telling(self, columns: IndexArray, difference: FloatArray) -> BoolArray:
        """Whether components can tell that log seconds differ by so much, ``(k,)``."""
        told: BoolArray = np.abs(difference) > np.maximum(TELLING, self.log_sd[columns])
        return told

    def log_likelihood(
        self,
        row: int,
        columns: IndexArray,
        log_s: FloatArray,
        log_sd: FloatArray | None = None,
    ) -> FloatArray:
        """How probable components of a run are under hypotheses, by Student's t.

        :param columns: which components, ``(k,)``
        :param log_s: their log seconds under each of ``h`` hypotheses, without the level of the
            run, ``(h, k)``
        :param log_sd: standard deviations, likewise; those of the components if None
        :return: log likelihoods of all together, less a constant, ``(h,)``
        """
        usual = self.curve(columns, self.past.executors[row, columns])
        off = self.off[row, columns] + usual - log_s
        log_sd = self.log_sd[columns] if log_sd is None else log_sd
        each = -0.5 * (_DEGREES + 1.0) * np.log1p((off / log_sd) ** 2 / _DEGREES) - np.log(log_sd)
        likelihood: FloatArray = each.sum(axis=1)
        return likelihood


def surely_most_probable(log_likelihoods: Sequence[FloatArray]) -> int:
    """The most probable hypothesis, but the first unless at least two runs prefer that one to it.

    These must be twice as many as those that prefer the first.

    :param log_likelihoods: of each hypothesis, ``(h,)``, by run
    """
    if not log_likelihoods:
        return 0
    by_run = np.array(log_likelihoods)
    best = int(by_run.sum(axis=0).argmax())
    preferred = by_run[:, best] - by_run[:, 0]
    agreeing, against = (preferred > _PREFERRED).sum(), (preferred < -_PREFERRED).sum()
    return best if agreeing >= max(2 * against, _TWO_RUNS) else 0


def _is_usable(added_s: float | None) -> bool:
    return added_s is not None and 0 <= added_s < np.inf


def _whole(executors: FloatArray) -> IndexArray:
    return np.rint(executors).clip(1, _MOST_EXECUTORS).astype(np.intp)
