"""Turns the contexts of runs into columns of numbers that a regression can explain runtimes by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import asinh, inf, isnan, log
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain.context import CALENDAR, CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import ContextValue, RunContext
    from airflow_enel.predict.samples import FloatArray

LEAST_RUNS: Final = 3
"""Runs that have a number, from which on it can explain something."""

LEAST_OF_A_VALUE: Final = 2
"""Runs with and without a text, from which on it can."""

CALENDAR_AFTER_S: Final = 21 * 86_400.0
"""From the first to the last past run, before the calendar counts: three weeks."""

MOST_NUMBERS: Final = 6
MOST_VALUES: Final = 12
"""Columns that are looked at, those that vary most first."""

_LEAST_SPREAD = 0.02  # of a number's column; less is no variation
_MOST_UNITS = 1e12  # beyond which nobody can say anything


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the context: log x, or asinh(x / unit) if past runs had none or less than none.

    :param unit: 0 for the logarithm
    :param low: least seen, in the column's scale
    :param high: greatest seen
    """

    name: str
    unit: float
    low: float
    high: float

    def of(self, context: RunContext) -> float:
        """The column's value, NaN where it is not known."""
        return _scaled(context.get(self.name), self.unit)

    def outside(self, value: float) -> float:
        """How far a value of the column lies outside of what was seen."""
        return 0.0 if isnan(value) else max(value - self.high, self.low - value, 0.0)


@dataclass(frozen=True, slots=True)
class ContextFeatures:
    """Columns of ``f`` features: numbers, texts, changes of the job.

    A text's column is 1 where a run has it, that of a change from when on the job was another one.

    :param numbers: those that vary between past runs
    :param values: names and texts
    :param constant: numbers that were the same in all past runs
    :param texts: names that had texts again and again, and which
    :param changed_at: when runs began from which on the job was another one
    :param code: digest of the newest code that was seen, None if there was none
    :param centre: mean of each column where it was known, ``(f,)``
    :param spread: its standard deviation, ``(f,)``
    """

    numbers: tuple[Number, ...]
    values: tuple[tuple[str, str], ...]
    constant: tuple[Number, ...]
    texts: tuple[tuple[str, frozenset[str]], ...]
    changed_at: tuple[float, ...]
    code: ContextValue | None
    centre: FloatArray
    spread: FloatArray

    @classmethod
    def of(
        cls,
        contexts: Sequence[RunContext],
        started_at: FloatArray,
        changed_at: Sequence[float] = (),
    ) -> Self:
        """What varies between past runs, oldest first.

        :param started_at: when each began, in seconds, ``(n,)``
        :param changed_at: when the job became another one
        """
        lasting = np.ptp(started_at) if started_at.size else 0.0
        names = sorted({name for context in contexts for name, _ in context} - {CODE})
        numbers: list[tuple[float, Number]] = []
        constant: list[Number] = []
        values: list[tuple[int, str, str]] = []
        recurring: list[tuple[str, frozenset[str]]] = []
        for name in names:
            known = [value for context in contexts if (value := context.get(name)) is not None]
            texts = [value for value in known if isinstance(value, str)]
            if len(texts) * 2 > len(known):
                if name not in CALENDAR or lasting >= CALENDAR_AFTER_S:
                    values += _values(name, texts, len(contexts))
                if name not in CALENDAR and len(set(texts)) * 2 <= len(texts):
                    recurring.append((name, frozenset(texts)))
                continue
            number, spread = _number(name, [v for v in known if not isinstance(v, str)])
            if spread > _LEAST_SPREAD and len(known) >= LEAST_RUNS:
                numbers.append((-spread * len(known), number))
            elif spread == 0:
                constant.append(number)
        chosen = tuple(n for _, n in sorted(numbers, key=lambda one: one[0])[:MOST_NUMBERS])
        kept = tuple((name, text) for _, name, text in sorted(values)[:MOST_VALUES])
        codes = [code for context in contexts if (code := context.get(CODE)) is not None]
        newest = codes[-1] if codes else None
        known_as = chosen, kept, tuple(constant), tuple(recurring), tuple(changed_at), newest
        raw = cls(*known_as, *np.zeros((2, len(chosen) + len(kept) + len(changed_at))))
        if not raw.size:
            return raw
        columns = raw.rows(contexts, started_at)
        centre = np.nanmean(columns, axis=0)
        return cls(*known_as, centre, np.nanstd(columns, axis=0))

    @property
    def size(self) -> int:
        """Number of columns."""
        return len(self.numbers) + len(self.values) + len(self.changed_at)

    def row(self, context: RunContext, started_at: float = inf) -> FloatArray:
        """Columns of a run less their centres, NaN where they are not known, ``(f,)``.

        :param started_at: when it began; after all past runs without it
        """
        columns = [number.of(context) for number in self.numbers]
        for name, text in self.values:
            value = context.get(name)
            columns.append(np.nan if value is None else float(value == text))
        columns += [float(started_at >= change) for change in self.changed_at]
        row: FloatArray = np.array(columns, dtype=np.float64) - self.centre
        return row

    def rows(self, contexts: Sequence[RunContext], started_at: FloatArray) -> FloatArray:
        """The same of several runs, ``(n, f)``."""
        pairs = zip(contexts, started_at.tolist(), strict=True)
        return np.stack([self.row(context, at) for context, at in pairs])

    def has_new_code(self, context: RunContext) -> bool:
        """True if the code of a run is not that of the newest past run."""
        return self.code is not None and context.get(CODE) not in (None, self.code)

    def outside(self, context: RunContext) -> float:
        """How far the numbers that vary lie outside of those seen, in their scales."""
        return sum(number.outside(number.of(context)) for number in self.numbers)

    def changed(self, context: RunContext) -> tuple[float, int]:
        """How far numbers that never varied are off, and how many texts are new."""
        far = sum(number.outside(number.of(context)) for number in self.constant)
        given = [(context.get(name), seen) for name, seen in self.texts]
        return far, sum(isinstance(text, str) and text not in seen for text, seen in given)


def _scaled(value: ContextValue | None, unit: float) -> float:
    if value is None or isinstance(value, str):
        return np.nan
    if unit:
        return asinh(min(max(value / unit, -_MOST_UNITS), _MOST_UNITS))
    return log(value) if value > 0 else np.nan


def _number(name: str, known: Sequence[int | float]) -> tuple[Number, float]:
    """The column of a number, and its standard deviation."""
    sizes = [abs(value) for value in known if value]
    unit = 0.0 if all(value > 0 for value in known) else float(np.median(sizes or [1.0]))
    scaled = np.array([_scaled(value, unit) for value in known])
    return Number(name, unit, float(scaled.min()), float(scaled.max())), float(scaled.std())


def _values(name: str, texts: Sequence[str], runs: int) -> list[tuple[int, str, str]]:
    """Texts that some runs have and others do not, the most frequent first."""
    count = Counter(texts)
    found = [
        (-min(number, runs - number), name, text)
        for text, number in count.items()
        if LEAST_OF_A_VALUE <= number <= runs - LEAST_OF_A_VALUE
    ]
    # Of two values one column says all.
    return found[:1] if len(count) == 2 else found  # noqa: PLR2004
