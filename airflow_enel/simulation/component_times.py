"""Seconds and executors of the components of past runs, aligned by key and occurrence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.alignment import Alignment
from airflow_enel.simulation.component_curve import SMALLEST_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from airflow_enel.domain import PastRun
    from airflow_enel.predict.samples import BoolArray, FloatArray

    IntArray = NDArray[np.intp]

_SIZES_TO_BE_CLEAN: Final = 2


@dataclass(frozen=True, slots=True)
class ComponentTimes:
    """What ``n`` past runs say of ``m`` components.

    :param keys: of the components, each key once; numbered by their places here
    :param key: number of the key of each component, ``(m,)``
    :param order: components in the order in which runs have them, ``(m,)``
    :param seconds: that each added to its run, NaN where a run did not have it, ``(n, m)``
    :param executors: its mean executors, at least 1, NaN as above, ``(n, m)``
    :param clean: True where no executor came or went inside it, ``(n, m)``
    :param log_input: logarithm of the input's size over its median, NaN where unknown, ``(n,)``
    """

    keys: tuple[str, ...]
    key: IntArray
    order: IntArray
    seconds: FloatArray
    executors: FloatArray
    clean: BoolArray
    log_input: FloatArray

    @classmethod
    def of(cls, past_runs: Sequence[PastRun]) -> ComponentTimes:
        """Align past runs by the keys and occurrences of their components."""
        runs = [run for run in in_order(past_runs) if run.components]
        past = Alignment.of(runs)
        keys = tuple(sorted({key for key, _ in past.columns}))
        numbers = {key: number for number, key in enumerate(keys)}
        return cls(
            keys=keys,
            key=np.array([numbers[key] for key, _ in past.columns], dtype=np.intp),
            order=past.order,
            seconds=np.maximum(past.added_s, SMALLEST_S),
            executors=past.executors,
            clean=past.clean,
            log_input=_log_inputs(runs),
        )

    def resampled(self, runs: IntArray) -> ComponentTimes:
        """Some of the runs, by their numbers, possibly the same more than once."""
        return ComponentTimes(
            self.keys,
            self.key,
            self.order,
            self.seconds[runs],
            self.executors[runs],
            self.clean[runs],
            self.log_input[runs],
        )

    def sizes(self, key: int | None = None) -> NDArray[np.intp]:
        """Whole numbers of executors at which components ran, ascending.

        :param key: those of one key, None for all
        """
        of_key = self.executors if key is None else self.executors[:, self.key == key]
        return np.unique(np.rint(of_key[~np.isnan(of_key)])).astype(np.intp)

    def usable(self, key: int) -> BoolArray:
        """Which seconds of the components with a key tell of executors, ``(n, columns)``.

        Those in which no executor came or went, unless these know fewer than two sizes.
        """
        of_key = self.key == key
        there = ~np.isnan(self.seconds[:, of_key])
        clean = there & self.clean[:, of_key]
        sizes = np.unique(np.rint(self.executors[:, of_key][clean]))
        return clean if sizes.size >= _SIZES_TO_BE_CLEAN else there


def in_order(past_runs: Sequence[PastRun]) -> list[PastRun]:
    """Past runs, oldest first."""
    return sorted(past_runs, key=lambda run: (run.started_at, run.run_id))


def _log_inputs(runs: Sequence[PastRun]) -> FloatArray:
    found = [run.context.get("input_mib") for run in runs]
    sizes = np.array([v if isinstance(v, int | float) and v > 0 else np.nan for v in found])
    known = sizes[~np.isnan(sizes)]
    middle = float(np.median(known)) if known.size else 1.0
    logs: FloatArray = np.log(sizes / middle)
    return logs
