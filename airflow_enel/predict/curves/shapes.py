"""Family of shapes that a component's time can have over executors, as a grid of curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.samples import FloatArray

PARALLEL: Final = (0.1, 0.25, 0.4, 0.55, 0.7, 0.82, 0.91, 0.96, 1.0)
"""Shares of the time at the middle size that executors divide among them."""
GROWING: Final = (0.03, 0.08, 0.15, 0.25, 0.4, 0.6)
"""Shares that grow with every executor."""
DIVIDED: Final = (0.0, 0.4, 0.7, 0.9, 1.0)
"""Parallel shares of what does not grow."""
STEEP: Final = 0.9
"""Parallel share of components with a cliff."""
HEIGHTS: Final = (1.0, 1.8, 3.0, 5.0, 9.0, 16.0, 28.0, 50.0, 90.0)
"""Of cliffs, in the time at the middle size without the cliff."""
MOST_CLIFFS: Final = 10
"""Places at which a cliff is looked for."""
JUMPS: Final = (0.0, 0.05)
"""What is lost at once where the first data do not fit, in heights of the cliff."""

_FLAT, _LOOP, _AGGREGATION, _CACHE = 2.0, 1.0, 1.0, 1.0
"""Prior weights of the four kinds together."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """``k`` shapes ``g(s) = serial + parallel·s₀/s + growing·s/s₀ + cliff(s)``.

    Flat, parallel, growing, or with a cliff below which cached data do not fit:
    ``height·(1 − s/cliff + jump)`` where s < cliff. ``s₀`` is the middle of the observed sizes;
    serial, parallel and growing add up to 1.

    :param prior: probability of each before anything was seen, ``(k,)``
    """

    middle: float
    serial: FloatArray
    parallel: FloatArray
    growing: FloatArray
    height: FloatArray
    cliff: FloatArray
    jump: FloatArray
    prior: FloatArray

    @classmethod
    def of(cls, sizes: FloatArray) -> Self:
        """The shapes that sizes ``(u,)``, ascending, can tell apart."""
        rows = [(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, _FLAT)]
        rows += [(1.0 - p, p, 0.0, 0.0, 1.0, 0.0, _LOOP / len(PARALLEL)) for p in PARALLEL]
        growing = [(p * (1.0 - g), g) for p in DIVIDED for g in GROWING]
        grown = _AGGREGATION / len(growing)
        rows += [(1.0 - p - g, p, g, 0.0, 1.0, 0.0, grown) for p, g in growing]
        steep = [(h, c, j) for h in HEIGHTS for c in _cliffs(sizes) for j in JUMPS]
        rows += [(1.0 - STEEP, STEEP, 0.0, h, c, j, _CACHE / len(steep)) for h, c, j in steep]
        serial, parallel, growing_, height, cliff, jump, prior = np.array(rows).T
        middle = float(np.exp(np.log(sizes).mean()))
        return cls(middle, serial, parallel, growing_, height, cliff, jump, prior / prior.sum())

    def log_at(self, executors: FloatArray) -> FloatArray:
        """Logarithms of the shapes, ``(k, c)`` for executors ``(c,)``."""
        relative = executors[None, :] / self.middle
        seconds = self.serial[:, None] + self.parallel[:, None] / relative
        seconds += self.growing[:, None] * relative
        lacking = 1.0 - executors[None, :] / self.cliff[:, None]
        lacking = np.where(lacking > 0, lacking + self.jump[:, None], 0.0)
        logs: FloatArray = np.log(seconds + self.height[:, None] * lacking)
        return logs


def _cliffs(sizes: FloatArray) -> list[float]:
    """Sizes from which on everything may fit; below the smallest nothing was seen."""
    if sizes.size <= 2:  # noqa: PLR2004 - with two sizes a cliff is a parallel part
        return []
    chosen = np.linspace(1, sizes.size - 1, min(MOST_CLIFFS, sizes.size - 1)).round()
    places: list[float] = sizes[chosen.astype(np.intp)].tolist()
    return places
