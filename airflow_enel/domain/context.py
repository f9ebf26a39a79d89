"""Run context: facts known before the start of a run that may explain its runtime."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import ClassVar, Final, TypeAlias

from airflow_enel.domain.wire import STRICT

ContextValue: TypeAlias = str | int | float

CALENDAR: Final = ("data_hour", "data_weekday", "data_month_day", "data_month_end")
"""Entries of `calendar_context`."""

CODE: Final = "code_digest"
"""The entry that changes with the code of the application."""

INPUT_SIZE: Final = "input_mib"
"""The entry that says how large the input is."""

MAX_ENTRIES: Final = 64
MAX_NAME: Final = 100
MAX_TEXT: Final = 500
_MAX_INT: Final = 2**63
_SHOWN: Final = 40

_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NO_NUMBER: Final = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RunContext:
    """Named values of a run, such as ``input_mib`` or ``executor_memory_mib``.

    Iterates over (name, value) pairs by ascending names. Never holds secrets: tables and pages
    show it.

    :param entries: pairs by strictly ascending names, see `of` for any order; at most
        `MAX_ENTRIES`, names of 1 to `MAX_NAME` characters, texts up to `MAX_TEXT` characters,
        whole numbers within 64 bits, other numbers finite
    :raises ValueError: if an entry is none of that
    """

    __pydantic_config__: ClassVar = STRICT

    entries: tuple[tuple[str, ContextValue], ...] = ()

    def __post_init__(self) -> None:
        if len(self.entries) > MAX_ENTRIES:
            raise ValueError(f"a context has at most {MAX_ENTRIES} entries")
        for name, value in self.entries:
            check_entry(name, value)
        names = [name for name, _ in self.entries]
        if any(after <= before for before, after in pairwise(names)):
            raise ValueError("the names of a context must ascend, each there once")

    @classmethod
    def of(cls, values: Mapping[str, ContextValue]) -> RunContext:
        """Make a context of values in any order."""
        return cls(tuple(sorted(values.items())))

    def __iter__(self) -> Iterator[tuple[str, ContextValue]]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, name: str) -> ContextValue | None:
        """Return a value, None if it is not known."""
        return next((value for known, value in self.entries if known == name), None)


NO_CONTEXT: Final = RunContext()


def calendar_context(at: datetime) -> dict[str, ContextValue]:
    """Return what the calendar says of a moment, by the names of `CALENDAR`.

    Hours and days are texts that nobody takes for numbers: the 31st is not 31 times the 1st.

    :param at: in the time zone whose calendar counts
    """
    is_last = at.day == monthrange(at.year, at.month)[1]
    values = (
        f"hour {at.hour:02}",
        _WEEKDAYS[at.weekday()],
        f"day {at.day}",
        "month end" if is_last else "no",
    )
    return dict(zip(CALENDAR, values, strict=True))


def check_entry(name: object, value: object) -> tuple[str, ContextValue]:
    """Return an entry that a context can hold.

    :raises ValueError: names the entry, never its value
    """
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not _storable(name):
        raise ValueError(f"names in a context are texts of 1 to {MAX_NAME} characters without NUL")
    shown = f"context {name[:_SHOWN]!r}"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        kind = type(value).__name__
        raise ValueError(f"{shown} must be a text or a number, not a {kind}")  # noqa: TRY004
    if isinstance(value, str):
        if len(value) > MAX_TEXT or not _storable(value):
            raise ValueError(f"{shown} must be a text of at most {MAX_TEXT} characters without NUL")
    elif isinstance(value, int):
        if not -_MAX_INT <= value < _MAX_INT:
            raise ValueError(f"{shown} must lie within 64 bits")
    elif not isfinite(value):
        raise ValueError(f"{shown} must be a finite number")
    return name, value


def read_entry(name: object, value: object) -> tuple[str, ContextValue]:
    """Return an entry as users and templates write it: a text that looks like a number is one.

    True and False become texts, as they count nothing.

    :raises ValueError: if it can be no entry of a context, or is "nan" or "inf", or a
        template has made None of it
    """
    if isinstance(value, bool):
        value = str(value).lower()
    known, read = check_entry(name, value)
    if not isinstance(read, str):
        return known, read
    text = read.strip()
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"context {known[:_SHOWN]!r} must be a finite number")
    if text == "None":
        raise ValueError(f"context {known[:_SHOWN]!r} is None")
    if not _NUMBER.fullmatch(text):
        return known, read
    return check_entry(known, int(text) if _INTEGER.fullmatch(text) else float(text))


def read_context(
    values: Iterable[tuple[object, object]], known: RunContext | None = None
) -> tuple[RunContext, tuple[str, ...]]:
    """Return what can be used of values that users, templates or Spark have written, and why not.

    :param values: see `read_entry`; the last of equal names counts
    :param known: goes along with them, unless a value has the same name
    :return: the context, and one complaint per entry that was left out
    """
    entries: dict[str, ContextValue] = dict(known or ())
    complaints = []
    for name, value in values:
        try:
            name_read, value_read = read_entry(name, value)
        except ValueError as error:
            complaints.append(str(error))
            continue
        if name_read not in entries and len(entries) == MAX_ENTRIES:
            complaints.append(f"a context has at most {MAX_ENTRIES} entries")
            continue
        entries[name_read] = value_read
    return RunContext.of(entries), tuple(complaints)


def _storable(text: str) -> bool:
    # PostgreSQL takes no NUL, and half a surrogate pair is nothing that UTF-8 can write.
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
