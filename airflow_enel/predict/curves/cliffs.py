"""Curves with a cliff: a size below which cached data do not fit, and how much slower that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.curves.student_t import (
    AT_ONCE,
    log_likelihood,
    reweigh,
    weighted_sum,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.curves.cells import Cells
    from airflow_enel.predict.samples import FloatArray

STEEP: Final = 0.9
"""Share of the time at the middle size, without the cliff, that executors divide among them."""
JUMPS: Final = (0.0, 0.05)
"""What is lost at once where the first data do not fit, in heights of the cliff."""
MOST_PLACES: Final = 32
"""Sizes at which a cliff is looked for."""
HEIGHT: Final = 10.0
"""Median of what is expected of heights, in the time at the middle size without the cliff."""
HEIGHT_LOG_SD: Final = 1.5
"""Their log standard deviation: one in twenty is above 120, one in twenty is hardly a cliff."""
LIKELIEST: Final = 8
"""Cliffs of each component that are kept, instead of all."""

_WEIGHT = 1.0  # of all cliffs together, beside those of the smooth shapes
_ROUNDS = 4  # of Gauss and Newton: a start by both sides of the cliff is near already
_LEAST_EXCESS = 0.03  # by which a start takes sizes below the cliff to be slower, at least
_FARTHEST = 5.0  # log height of a start, from what is expected
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Cliffs:
    """``k`` cliffs ``g(s) = 1 − STEEP + STEEP·s₀/s + height·(1 − s/place + jump)₊``.

    Each component has a height of its own at each place.

    :param place: size from which on everything fits, ``(k,)``
    :param jump: in heights, ``(k,)``
    """

    middle: float
    place: FloatArray
    jump: FloatArray

    @classmethod
    def of(cls, sizes: FloatArray, middle: float) -> Self:
        """Those that sizes ``(u,)``, ascending, can tell apart."""
        rows = [(place, jump) for place in _places(sizes) for jump in JUMPS]
        return cls(middle, *np.array(rows, dtype=np.float64).reshape(-1, 2).T)

    @property
    def weight(self) -> FloatArray:
        """How likely each is before anything was seen, ``(k,)``."""
        return np.full(self.place.size, _WEIGHT / max(self.place.size, 1))

    def fit(self, sizes: FloatArray, seen: Cells) -> FittedCliffs:
        """The height of each cliff and its level for each component, by a Student-t fit."""
        lacking = lacking_at(sizes[:, None], self.place, self.jump)
        smooth = smooth_at(sizes, self.middle)
        starts = range(0, max(self.place.size, 1), AT_ONCE)
        fits = [_fit_heights(smooth, lacking[:, k : k + AT_ONCE], seen) for k in starts]
        return FittedCliffs(*(np.concatenate(parts) for parts in zip(*fits, strict=True)))


@dataclass(frozen=True, slots=True)
class FittedCliffs:
    """Heights of ``k`` cliffs of ``m`` components, ``(k, m)`` each.

    :param level: log seconds at the middle size without the cliff
    :param variance: of the log height
    :param log_likelihood: with the height integrated out, by Laplace
    """

    level: FloatArray
    log_height: FloatArray
    variance: FloatArray
    log_likelihood: FloatArray


@dataclass(frozen=True, slots=True)
class LikeliestCliffs:
    """The likeliest cliffs of each of ``m`` components, ``(q, m)`` each; see `FittedCliffs`."""

    middle: float
    place: FloatArray
    jump: FloatArray
    level: FloatArray
    height: FloatArray
    variance: FloatArray
    probability: FloatArray

    @classmethod
    def of(cls, cliffs: Cliffs, fitted: FittedCliffs, probability: FloatArray) -> Self:
        """Choose those that are likeliest by their probability ``(k, m)``; they get all of it."""
        kept = min(LIKELIEST, cliffs.place.size)
        rows = np.argsort(-probability, axis=0, kind="stable")[:kept]
        level, log_height, variance, part = (
            np.take_along_axis(of_all, rows, axis=0)
            for of_all in (fitted.level, fitted.log_height, fitted.variance, probability)
        )
        part = part * (probability.sum(axis=0) / np.maximum(part.sum(axis=0), _TINY))
        place, jump = cliffs.place[rows], cliffs.jump[rows]
        return cls(cliffs.middle, place, jump, level, np.exp(log_height), variance, part)

    def log_at(self, executors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log seconds ``(c, q, m)`` for executors ``(c,)``, and their variance by the height's."""
        added = self.height * lacking_at(executors[:, None, None], self.place, self.jump)
        seconds = smooth_at(executors, self.middle)[:, None, None] + added
        return self.level + np.log(seconds), (added / seconds) ** 2 * self.variance


def smooth_at(executors: FloatArray, middle: float) -> FloatArray:
    """Time of a component with a cliff where everything fits, in the shape of the executors."""
    return 1.0 - STEEP + STEEP * middle / executors


def lacking_at(executors: FloatArray, place: FloatArray, jump: FloatArray) -> FloatArray:
    """What is slower in heights of the cliff, where not everything fits; shapes broadcast."""
    lacking = 1.0 - executors / place
    return np.where(lacking > 0, lacking + jump, 0.0)


def _places(sizes: FloatArray) -> list[float]:
    """Sizes from which on everything may fit; below the smallest nothing was seen."""
    if sizes.size <= 2:  # noqa: PLR2004 - with two sizes a cliff is a parallel part
        return []
    chosen = np.linspace(1, sizes.size - 1, min(MOST_PLACES, sizes.size - 1)).round()
    places: list[float] = sizes[chosen.astype(np.intp)].tolist()
    return places


def _fit_heights(
    smooth: FloatArray, lacking: FloatArray, seen: Cells
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Fields of `FittedCliffs`, by the method of Gauss and Newton.

    :param smooth: time without the cliff, ``(u,)``
    :param lacking: what is slower in heights of each cliff, ``(u, k)``
    """
    expected, precision = np.log(HEIGHT), HEIGHT_LOG_SD**-2
    log_height = _start(smooth, lacking, seen)
    weight = np.broadcast_to(seen.mass[:, None, :], (*lacking.shape, seen.mass.shape[1]))
    for left in reversed(range(_ROUNDS)):
        added = np.exp(log_height) * lacking[:, :, None]
        seconds = smooth[:, None, None] + added
        residual = seen.mean[:, None, :] - np.log(seconds)
        level = weighted_sum(weight, residual) / weight.sum(axis=0)
        residual -= level
        weight, noise = reweigh(residual, weight, seen)
        slope = np.divide(added, seconds, out=added)
        total, sloped = weight.sum(axis=0), weighted_sum(weight, slope)
        pulled = np.einsum("ukm,ukm,ukm->km", weight, slope, residual)
        pulled -= sloped / total * weighted_sum(weight, residual)
        known = np.einsum("ukm,ukm,ukm->km", weight, slope, slope) - sloped**2 / total
        known = np.maximum(known, 0.0) / noise
        if left:
            step = pulled / noise + precision * (expected - log_height)
            log_height = log_height + np.clip(step / (known + precision), -1.0, 1.0)
    found = log_likelihood(residual, noise, seen)
    found -= 0.5 * precision * (log_height - expected) ** 2 + 0.5 * np.log1p(known / precision)
    return level, log_height, 1.0 / (known + precision), found


def _start(smooth: FloatArray, lacking: FloatArray, seen: Cells) -> FloatArray:
    """Log heights by which both sides of each cliff fit on the mean, ``(k, m)``.

    What is expected where one of the sides was not seen.
    """
    below = lacking > 0
    fits, does_not = ((side.T.astype(np.float64) @ seen.mass) for side in (~below, below))
    both = (fits > 0) & (does_not > 0)
    log_s = seen.mean - np.log(smooth)[:, None]
    level = (~below).T @ (seen.mass * log_s) / np.where(both, fits, 1.0)
    slower = np.expm1(np.minimum(log_s[:, None, :] - level, _FARTHEST * 2))
    slower = np.log(np.maximum(slower, _LEAST_EXCESS))
    slower += np.log(smooth[:, None] / np.where(below, lacking, 1.0))[:, :, None]
    mass = np.where(below[:, :, None], seen.mass[:, None, :], 0.0)
    started = weighted_sum(mass, slower) / np.where(both, does_not, 1.0)
    expected = np.log(HEIGHT)
    return np.where(both, np.clip(started, expected - _FARTHEST, expected + _FARTHEST), expected)
