"""Student-t fit of many curves at once, by which a size that fits none moves the others little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.predict.curves.cells import Cells
    from airflow_enel.predict.samples import FloatArray

DEGREES: Final = 8.0
"""Of freedom of Student's t."""
ROUNDS: Final = 3
"""Of reweighting; more change the third digit."""
AT_ONCE: Final = 48
"""Curves: with more, arrays leave the cache."""

_NOISE, _NOISE_RUNS = 0.1, 1.0  # what is assumed of the noise, as if so many runs had shown it
_LEAST_NOISE = 0.02


def reweigh(residual: FloatArray, weight: FloatArray, seen: Cells) -> tuple[FloatArray, FloatArray]:
    """One round of reweighting ``k`` curves of ``m`` components at ``u`` sizes.

    :param residual: of each curve, ``(u, k, m)``
    :param weight: by which it was fitted, of the same shape
    :param seen: samples of the components
    :return: new weights, and the variance of the noise around each curve, ``(k, m)``
    """
    square = residual**2
    noise = weighted_sum(weight, square) + seen.scatter + _NOISE_RUNS * _NOISE**2
    noise = np.maximum(noise / (seen.mass.sum(axis=0) + _NOISE_RUNS), _LEAST_NOISE**2)
    square /= DEGREES * noise
    square += 1.0
    return (seen.mass * (1.0 + 1.0 / DEGREES))[:, None, :] / square, noise


def log_likelihood(residual: FloatArray, noise: FloatArray, seen: Cells) -> FloatArray:
    """Of each curve, ``(k, m)``; see `reweigh`."""
    excess = np.log1p(residual**2 / (DEGREES * noise))
    found: FloatArray = -0.5 * (DEGREES + 1.0) * np.einsum("um,ukm->km", seen.mass, excess)
    found -= 0.5 * seen.scatter / noise
    found -= 0.5 * (seen.mass.sum(axis=0) + _NOISE_RUNS) * np.log(noise)
    return found


def weighted_sum(weight: FloatArray, values: FloatArray) -> FloatArray:
    """Over sizes, ``(k, m)`` of ``(u, k, m)``, without an array of the products."""
    total: FloatArray = np.einsum("ukm,ukm->km", weight, values)
    return total
