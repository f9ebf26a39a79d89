"""Fields of a Spark event, checked: JSON from outside is never trusted to have its type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

Event = Mapping[str, Any]
"""One event as Spark writes it to its event log, parsed from JSON."""

MAX_TEXT: Final = 2000
"""Characters of a text that are kept: SQL texts, stack traces and names have no limit in Spark."""

_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")  # for PostgreSQL and for UTF-8
_NATURAL: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_MAX_MS: Final = 1e14  # the year 5138: anything later is not a time
_MAX_SIZE: Final = 2**63 - 1
_MAX_COUNT: Final = 2**31 - 1  # Spark's own ids and counts are Java integers


def number(event: Event, name: str) -> float:
    """A finite number.

    :raises KeyError: if it is missing
    :raises TypeError: if it is something else
    """
    value = event[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(f"{name} is not a finite number")
    return value


def seconds(event: Event, name: str) -> float:
    """Milliseconds of the event as seconds; raises as :func:`number` does."""
    milliseconds = number(event, name)
    if not 0 <= milliseconds < _MAX_MS:
        raise TypeError(f"{name} is not a time")
    return milliseconds / 1e3


def count(event: Event, name: str) -> int:
    """A natural number; raises as :func:`number` does."""
    value = event[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_COUNT:
        raise TypeError(f"{name} is not a natural number")
    return value


def size(event: Event, name: str) -> int:
    """A number of bytes; raises as :func:`number` does."""
    value = event[name]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_SIZE:
        raise TypeError(f"{name} is not a number of bytes")
    return value


def items(event: Event, name: str) -> list[Any]:
    """A list; raises as :func:`number` does."""
    value = event[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is not a list")
    return value


def fields(event: Event, name: str) -> Event:
    """An object; raises as :func:`number` does."""
    value = event[name]
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is not an object")
    return value


def ids(event: Event, name: str) -> tuple[int, ...]:
    """Natural numbers; raises as :func:`number` does."""
    return tuple(count({name: item}, name) for item in items(event, name))


def text(event: Event, name: str) -> str:
    """A text of at most :data:`MAX_TEXT` characters; raises as :func:`number` does.

    NUL and halves of surrogate pairs, which no history could store, become U+FFFD.
    """
    value = event[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return _NOT_STORABLE.sub("\ufffd", value[:MAX_TEXT])


def optional_text(event: Event, name: str) -> str | None:
    """A text, or None if it is null or missing; raises as :func:`number` does."""
    return None if event.get(name) is None else text(event, name)


def text_or_empty(event: Event, name: str) -> str:
    """A text, or an empty one if it is missing or something else: never raises."""
    return text(event, name) if isinstance(event.get(name), str) else ""


def natural_text(event: Event, name: str) -> int:
    """A natural number that is written as a text; raises as :func:`number` does."""
    value = text(event, name).strip()
    if not _NATURAL.fullmatch(value):
        raise ValueError(f"{name} is not a natural number")
    return count({name: int(value)}, name)
