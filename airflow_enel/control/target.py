"""Parses runtime targets as users and templates write them."""

from __future__ import annotations

import re
from datetime import timedelta
from math import isfinite
from typing import Final

_CLOCK: Final = re.compile(
    r"(?:(?P<days>[0-9]+) days?, )?(?P<hours>[0-9]+):(?P<minutes>[0-5]?[0-9])"
    r":(?P<seconds>[0-5]?[0-9](?:\.[0-9]+)?)"
)
_ISO_8601: Final = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?(?:T(?=[0-9])"
    r"(?:(?P<hours>[0-9]+(?:\.[0-9]+)?)H)?(?:(?P<minutes>[0-9]+(?:\.[0-9]+)?)M)?"
    r"(?:(?P<seconds>[0-9]+(?:\.[0-9]+)?)S)?)?"
)


def parse_runtime_target(value: timedelta | float | str | None) -> float | None:
    """Seconds of a runtime target.

    :param value: a timedelta, seconds, or a string as a template renders it: seconds
        (``"840"``), ``HH:MM:SS`` (``"0:14:00"``, also as ``str(timedelta)`` writes days), or an
        ISO-8601 duration of weeks, days, hours, minutes and seconds (``"PT14M"``)
    :return: None for None: no target
    :raises ValueError: if it is anything else, not finite, or not greater than 0
    """
    if value is None:
        return None
    seconds = _seconds(value)
    if seconds is None or not isfinite(seconds) or seconds <= 0:
        raise ValueError(
            f"runtime_target is {value!r}; write a duration greater than 0, such as "
            "timedelta(minutes=14), 840, '840', '0:14:00' or 'PT14M'"
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        return parse_duration(value) or _number(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def parse_duration(text: str) -> float | None:
    """Seconds of ``HH:MM:SS`` or of an ISO-8601 duration; None if it is neither."""
    text = text.strip()
    match = _CLOCK.fullmatch(text) or _ISO_8601.fullmatch(text.upper())
    if match is None:
        return None
    parts = {unit: float(number) for unit, number in match.groupdict().items() if number}
    try:
        return timedelta(**parts).total_seconds()
    except OverflowError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
