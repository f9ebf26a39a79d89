"""Groups the components of a table that have the same key and differ in their occurrence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.samples import BoolArray, FloatArray

Identity: TypeAlias = tuple[str, int]
"""Key and occurrence: what makes components of different runs the same."""


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Groups of the ``m`` columns with the same key.

    :param key: number of the key of each, ``(m,)``
    :param turn: how many of its key have a smaller occurrence, ``(m,)``
    :param member: 1 where a column has a key, ``(m, keys)``
    """

    key: NDArray[np.intp]
    turn: NDArray[np.intp]
    member: FloatArray

    @classmethod
    def of(cls, columns: dict[Identity, int]) -> Self:
        """Those of the identities, whatever the order of their columns."""
        numbers: dict[str, int] = {}
        before: Counter[str] = Counter()
        key, turn = np.zeros((2, len(columns)), dtype=np.intp)
        for name, occurrence in sorted(columns):
            column = columns[name, occurrence]
            key[column] = numbers.setdefault(name, len(numbers))
            turn[column] = before[name]
            before[name] += 1
        return cls(key, turn, np.eye(len(numbers))[key])

    def count(self, there: BoolArray) -> FloatArray:
        """Number of present columns with the key of every column, ``(…, m)`` like ``there``."""
        counted: FloatArray = (there @ self.member)[..., self.key]
        return counted

    def before(self, columns: Sequence[int]) -> BoolArray:
        """True where any of these has the same key and a greater occurrence, ``(m,)``."""
        later = self._alike(columns) & (self.turn[:, None] < self.turn[columns])
        before: BoolArray = np.any(later, axis=1)
        return before

    def turns(self, finished: Sequence[int]) -> NDArray[np.intp]:
        """How many of its key come before each in a run in which others have finished, ``(m,)``."""
        gone = self._alike(finished) & (self.turn[:, None] > self.turn[finished])
        turns: NDArray[np.intp] = self.turn - gone.sum(axis=1)
        return turns

    def _alike(self, columns: Sequence[int]) -> BoolArray:
        alike: BoolArray = self.key[:, None] == self.key[columns]
        return alike
