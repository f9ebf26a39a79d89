"""A run that has become slower or faster for good, such as by an input that doubles inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

LEAST: Final = 2
"""Components in a row that must be far off in the same direction: a single one is an outlier."""


_TELLING = np.log(2.0)  # a component that varies by more does not say that all is as usual


@dataclass(frozen=True, slots=True)
class LastingShift:
    """By how much all components to come are off, beyond what past runs have shown.

    What deviates by more than a few standard deviations is cut off, as an outlier. Where the latest
    components are all that far off, it is the run that has changed, and not they that are odd.

    :param log_shift: drawn to 0 while few components show it
    :param log_sd: how uncertain it is
    """

    log_shift: float = 0.0
    log_sd: float = 0.0

    @classmethod
    def of(cls, off: FloatArray, limit: FloatArray, disturbed: FloatArray) -> Self:
        """Learn from finished components in their order, ``(f,)`` each.

        :param off: log seconds less those expected
        :param limit: how far each can be off without being an outlier
        :param disturbed: 1 where executors came or went, which says nothing, 0 elsewhere
        """
        beyond: list[float] = []
        for off_k, limit_k in zip(
            off[disturbed == 0][::-1], limit[disturbed == 0][::-1], strict=True
        ):
            if abs(off_k) > limit_k and (not beyond or off_k * beyond[0] > 0):
                beyond.append(float(off_k - np.copysign(limit_k, off_k)))
            elif limit_k < (abs(np.median(beyond)) if beyond else _TELLING):
                break
        if len(beyond) < LEAST:
            return cls()
        count, usual = len(beyond), float(np.median(beyond))
        return cls(usual * count / (count + 1), abs(usual) / (count + 1))
