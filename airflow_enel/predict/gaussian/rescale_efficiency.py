"""Estimates which share of a promised speed-up a rescale inside a run fails to deliver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.gaussian.residuals import FARTHEST

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.gaussian.residuals import Residuals
    from airflow_enel.predict.samples import FloatArray

UNKNOWN_SQUARE: Final = 1 / 3
"""Mean square of a share of which only 0…1 is known."""

_ANY = 1e6  # mean square of a share of which nothing at all is known
_NARROWEST = 0.05  # no run as a whole is nearer to the curves than that


@dataclass(frozen=True, slots=True)
class RescaleEfficiency:
    """A run deviates from the curves by ``level + share · promised``, share in 0…1.

    The curves are learned from one run to another. Inside a run, executors that join may help
    less, and those that are asked to go may stay: then its components at another size than s₀,
    the one that it began with, take as long as at s₀. ``promised = curve(s₀) − curve(s)`` is the
    log residual that this would leave, for each component as much as it scales. Level and share
    are Gaussian (ridge regression); whatever else components have in common is left to
    :class:`~airflow_enel.predict.gaussian.residuals.Residuals`.

    :param mean: of the share, learned from past runs, as if one more had had none
    :param variance: of the share around it, as if one more had shown nothing but that it is 0…1
    :param level_variance: of the level
    :param sd: standard deviation of each component, ``(m,)``
    :param precision: of the part that a component shares with no other, ``(m,)``
    """

    mean: float
    variance: float
    level_variance: float
    sd: FloatArray
    precision: FloatArray

    @classmethod
    def fit(
        cls, residual: FloatArray, promised: FloatArray, weight: FloatArray, residuals: Residuals
    ) -> Self:
        """Learn from ``n`` past runs, ``(n, m)`` each; weight 0 where there is no residual."""
        sd = residuals.sd
        level = max(float(np.median(sd)), _NARROWEST) ** 2
        blank = cls(0.0, _ANY, level, sd, 1.0 / (residuals.own * sd**2))
        share, uncertain = blank.of(residual, promised, np.sign(weight))
        known = weight.max(axis=1) * UNKNOWN_SQUARE / (UNKNOWN_SQUARE + uncertain)
        mean = float(known @ share / (known.sum() + 1.0))
        beyond_noise = np.maximum((share - mean) ** 2 - uncertain, 0.0)
        variance = float((UNKNOWN_SQUARE + known @ beyond_noise) / (known.sum() + 1.0))
        return replace(blank, mean=mean, variance=variance)

    def of(
        self,
        residual: FloatArray,
        promised: FloatArray,
        said: FloatArray,
        columns: NDArray[np.intp] | slice = slice(None),
    ) -> tuple[FloatArray, FloatArray]:
        """Share and its variance of ``k`` runs, ``(k,)`` each, from ``f`` components of each.

        A component that is off by more than any share explains, such as one in which data were
        moved, does not count.

        :param residual: log residuals, ``(k, f)``
        :param promised: what they would be if the rescale had done nothing, ``(k, f)``
        :param said: how much each says, 0…1, ``(k, f)``
        :param columns: which components they are, ``(f,)``
        """
        off = residual - self.mean * promised
        explicable = np.abs(off) <= np.abs(promised) + FARTHEST * self.sd[columns]
        weight = said * explicable * self.precision[columns]
        # Normal equations of two unknowns, each with its variance.
        of_level = weight.sum(axis=-1) + 1.0 / self.level_variance
        of_both = (weight * promised).sum(axis=-1)
        of_share = (weight * promised**2).sum(axis=-1) + 1.0 / self.variance
        determinant = of_level * of_share - of_both**2
        beyond = of_level * (weight * promised * off).sum(axis=-1)
        beyond -= of_both * (weight * off).sum(axis=-1)
        return np.clip(self.mean + beyond / determinant, 0.0, 1.0), of_level / determinant
