"""Size of a run's input by what its components have read from storage, where nothing else says."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain.context import INPUT_SIZE, MAX_ENTRIES, RunContext
from airflow_enel.predict.samples import median_of_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray, IndexArray

SCANNED: Final = "scanned_mib"
"""Name of the number in contexts if no past run says how large its input was."""

_MIB = 2.0**20


@dataclass(frozen=True, slots=True)
class ScannedInput:
    """How much more or less than usual a run reads, in MiB of input.

    A run counts with the mean of ``log(bytes / usual bytes)`` over the components that read,
    weighed by their usual bytes; so a few finished ones tell what the whole input is.

    :param name: of the number that it becomes
    :param usual_bytes: median of what each component has read, 0 if nothing, ``(m,)``
    :param usual_mib: input of a run that reads that
    """

    name: str
    usual_bytes: FloatArray
    usual_mib: float

    @classmethod
    def of(cls, contexts: Sequence[RunContext], input_bytes: FloatArray) -> Self:
        """Learn from past runs.

        :param input_bytes: that each component has read, 0 if nothing, ``(n, m)``
        """
        read = np.where(input_bytes > 0, input_bytes, np.nan)
        usual_bytes = np.nan_to_num(median_of_columns(read))
        plain = cls(SCANNED, usual_bytes, float(usual_bytes.sum()) / _MIB)
        if not usual_bytes.any():
            return plain
        sizes = [context.get(INPUT_SIZE) for context in contexts]
        times = plain._times(np.arange(usual_bytes.size), input_bytes).tolist()
        ratios = [
            size / of_run
            for size, of_run in zip(sizes, times, strict=True)
            if isinstance(size, int | float) and size > 0 and of_run > 0
        ]
        if not ratios:
            return plain
        return cls(INPUT_SIZE, usual_bytes, float(np.median(ratios)))

    def added(self, context: RunContext, columns: IndexArray, read: FloatArray) -> RunContext:
        """The context with the input by what was read, unless it says so or nothing was.

        :param columns: components that have finished, ``(f,)``
        :param read: bytes that each has read, ``(f,)``
        """
        if isinstance(context.get(self.name), int | float):
            return context
        times = float(self._times(columns, read))
        full = len(context) == MAX_ENTRIES and context.get(self.name) is None
        if isnan(times) or full:
            return context
        return RunContext.of({**dict(context), self.name: self.usual_mib * times})

    def added_to_all(self, contexts: Sequence[RunContext], read: FloatArray) -> list[RunContext]:
        """Contexts of whole runs, each as by `added`.

        :param read: bytes that each component of them has read, ``(n, m)``
        """
        columns = np.arange(read.shape[1])
        return [self.added(c, columns, row) for c, row in zip(contexts, read, strict=True)]

    def _times(self, columns: IndexArray, read: FloatArray) -> FloatArray:
        """How often the usual input runs have read, NaN where that cannot be told, ``(…)``.

        :param read: bytes that each of the components has read, ``(…, f)``
        """
        usual = self.usual_bytes[columns]
        both = (usual > 0) & (read > 0)
        log_ratio = np.log(np.where(both, read, 1.0)) - np.log(np.where(both, usual, 1.0))
        weight = np.where(both, usual, 0.0)
        total = weight.sum(axis=-1)
        mean = (weight * log_ratio).sum(axis=-1) / np.where(total > 0, total, np.nan)
        times: FloatArray = np.exp(mean)
        return times
