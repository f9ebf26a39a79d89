"""Types of arguments that the commands of ``airflow enel`` share, and arguments of all of them."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timezone
from typing import Any

from airflow.cli.cli_config import Arg

_MOST_DAYS = 100_000


def date(text: str) -> datetime:
    """A date or a moment, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no date: write e.g. 2026-01-31 or 2026-01-31T18:00+01:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def spans_of_runs(text: str) -> tuple[range, ...]:
    """Numbers of runs from 1, such as ``41-50,61-65``."""
    spans = []
    for part in text.split(",") if text != "none" else ():
        match = re.fullmatch(r"\s*([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?\s*", part)
        if match is None or int(match[1]) > int(match[2] or match[1]):
            raise ArgumentTypeError(f"{part!r} is no span of runs: write e.g. 41-50,61-65 or none")
        spans.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(spans)


def natural(text: str) -> int:
    """A number from 0 that every generator of random numbers takes."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ArgumentTypeError(f"{text!r} is no number from 0 to 999999999")
    return int(text)


def integer(text: str) -> int:
    """A number that every database takes; its range is in the help of the argument."""
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise ArgumentTypeError(f"{text[:40]!r} is no whole number up to 999999999")
    return int(text)


def days(text: str) -> float:
    """A number of days that leads to a moment; its range is in the help of the argument."""
    try:
        number = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text[:40]!r} is no number of days") from None
    if number > _MOST_DAYS:
        raise ArgumentTypeError(f"{text[:40]!r} is more than {_MOST_DAYS} days")
    return number


def arg(*flags: str, **options: Any) -> Arg:
    """An argument as argparse takes it."""
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


OUTPUT = arg(
    "-o",
    "--output",
    help="table for people, json for programs",
    choices=("table", "json"),
    default="table",
)
DRY_RUN = arg("--dry-run", help="show what would be done, change nothing", action="store_true")
