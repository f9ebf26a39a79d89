"""Activation functions in NumPy: SELU, a cheaper shifted SELU, and grouped softmax."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.samples import FloatArray

_ALPHA: Final = 1.6732632423543772848170429916717
SCALE: Final = 1.0507009873554804934193349852946
SHIFT: Final = math.log(_ALPHA)


def selu(x: FloatArray) -> FloatArray:
    """``λ·(max(x, 0) + α·(exp(min(x, 0)) − 1))``, element by element."""
    return SCALE * (shifted_selu(x + SHIFT) - (SHIFT + _ALPHA))


def shifted_selu(x: FloatArray) -> FloatArray:
    """``SELU(y)/λ + α + log α`` for x = y + log α; x is overwritten.

    Four passes over the array instead of seven, because ``α·exp(y) = exp(x)``. The layer before
    adds the shift, and the layer after undoes the rest: see :func:`folded`. A softmax does not
    see constants at all.
    """
    negative = np.minimum(x, SHIFT)
    np.exp(negative, out=negative)
    np.maximum(x, SHIFT, out=x)
    x += negative
    return x


def folded(
    hidden_bias: FloatArray, output_weight: FloatArray, output_bias: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same two-layer network around :func:`shifted_selu`.

    :param output_weight: transposed, ``(hidden, outputs)``
    """
    left_out = SCALE * (SHIFT + _ALPHA) * output_weight.sum(axis=0)
    return hidden_bias + SHIFT, SCALE * output_weight, output_bias - left_out


def shares_of(score: FloatArray, groups: IntArray) -> FloatArray:
    """Softmax over the first axis, group by group; the scores are overwritten.

    :param groups: where each group begins, ascending from 0
    """
    size = np.diff(groups, append=len(score))
    score -= np.repeat(np.maximum.reduceat(score, groups, axis=0), size, axis=0)
    np.exp(score, out=score)
    score /= np.repeat(np.add.reduceat(score, groups, axis=0), size, axis=0)
    return score
