"""A run that has become slower or faster for good, such as by an input that doubles inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

_FACTOR = float(np.log(2.0))  # a component that varies by more does not say that all is as usual


@dataclass(frozen=True, slots=True)
class LastingShift:
    """By how much all components to come are off, beyond what past runs have shown.

    What deviates by more than a few standard deviations is cut off, as an outlier. If the latest
    component is that far off, it may be the run that has changed: what follows is less certain.
    If n of them are, it has, and they are believed by n / (n + 1).

    :param log_shift: of the log seconds
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
            elif limit_k < (abs(np.median(beyond)) if beyond else _FACTOR):
                break
        if not beyond:
            return cls()
        count, usual = len(beyond), float(np.median(beyond))
        log_sd = min(abs(usual) / (count + 1), _FACTOR)
        return cls(usual * count / (count + 1) if count > 1 else 0.0, log_sd)
