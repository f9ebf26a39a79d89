"""Non-negative least squares of many small problems at once, for curves with few parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.predict.samples import BoolArray, FloatArray

SINGULAR: Final = 1e-12
"""Part of a column that others must leave unexplained, or it is taken for their combination."""
EQUAL: Final = 1e-13
"""Sums of squares that differ by a smaller part of the target's are the same."""


def nonnegative_least_squares(products: FloatArray) -> FloatArray:
    """Coefficients ≥ 0 with the least squares of ``features @ theta − target``.

    Every subset of the features is tried, by one sweep of the normal equations each: exact, and
    ``2^k − 1`` sweeps of all problems together. Where several subsets do equally well, as they do
    with fewer distinct samples than features, the first in lexical order is taken, so the first
    features are preferred. A column of zeros gets the coefficient 0.
    Source: the sweep operator of Goodnight, "A Tutorial on the SWEEP Operator", 1979; all subsets
    in the order of Furnival and Wilson, "Regressions by Leaps and Bounds", 1974.

    :param products: of features and target with each other, ``[X, y]ᵀ[X, y]``,
        ``(p, k + 1, k + 1)``
    :return: shape ``(p, k)``
    """
    norms = np.sqrt(np.diagonal(products, axis1=1, axis2=2))
    norms = np.where(norms > 0, norms, 1.0)
    scaled = products / (norms[:, :, None] * norms[:, None, :])
    search = _Search(np.ascontiguousarray(np.moveaxis(scaled, 0, -1)))
    theta: FloatArray = search.theta.T / norms[:, :-1] * norms[:, -1:]
    return theta


class _Search:
    """The best subset of each problem; arrays have the problems last."""

    def __init__(self, products: FloatArray) -> None:
        features, problems = products.shape[0] - 1, products.shape[2]
        self.theta = np.zeros((features, problems))
        self._squares = products[-1, -1].copy()
        self._visit(products, (), np.ones(problems, dtype=np.bool_))

    def _visit(self, swept: FloatArray, chosen: tuple[int, ...], regular: BoolArray) -> None:
        """Try each subset that adds later features to the chosen ones.

        :param swept: products with the chosen features swept out; columns are those of the later
            features and of the target
        """
        first = swept.shape[0] - swept.shape[1]
        for place, feature in enumerate(range(first, swept.shape[0] - 1)):
            pivot = swept[feature, place]
            usable = regular & (pivot > SINGULAR)
            if not usable.any():
                continue
            row = swept[feature, place + 1 :] / np.where(usable, pivot, 1.0)
            further = swept[:, place + 1 :] - swept[:, None, place] * row
            further[feature] = row
            subset = (*chosen, feature)
            self._take_if_better(further[:, -1], subset, usable)
            self._visit(further, subset, usable)

    def _take_if_better(
        self, target: FloatArray, subset: tuple[int, ...], usable: BoolArray
    ) -> None:
        better = usable & (target[-1] < self._squares - EQUAL)
        for feature in subset:
            better &= target[feature] >= 0
        self._squares[better] = target[-1, better]
        self.theta[:, better] = 0.0
        for feature in subset:
            self.theta[feature, better] = target[feature, better]
