"""Output that all commands share: progress, tables, JSON, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from textwrap import fill
from typing import Any, Final, NoReturn

from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from airflow_enel.history.interface import HistoryError

Advance = Callable[[int], None]
"""Takes how much more is done."""
Report = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is, 0 if unknown."""

INTERRUPTED: Final = 130  # 128 and the number of the signal
_NOTHING_LEFT = 2


@contextmanager
def reported_errors() -> Iterator[None]:
    """End the command with one line if the history does not do what it was asked.

    :raises SystemExit: instead of a `HistoryError`
    """
    try:
        yield
    except HistoryError as error:
        raise SystemExit(str(error)) from None


@contextmanager
def reported_interrupt() -> Iterator[None]:
    """End the command with one line, as shells expect it, on Ctrl-C.

    :raises SystemExit: 130, instead of a `KeyboardInterrupt`
    """
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Show progress where somebody looks, beside the output."""
    console = Console(stderr=True)
    if not console.is_terminal or not total:
        yield lambda _: None
        return
    with Progress(console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda count: shown.advance(task, count)


@contextmanager
def phases() -> Iterator[Report]:
    """Show the progress of one thing after the other where somebody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda *_: None
        return
    with Progress(console=console, transient=True) as shown:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total or None)
            shown.update(tasks[what], completed=done, total=total or None)

        yield report


def note(text: str) -> None:
    """Say something beside the output."""
    Console(stderr=True).print(*texts(text), soft_wrap=True)


def say(console: Console, text: str, indent: int = 0, label: str = "") -> None:
    """Print a paragraph that may have texts from outside in it, wrapped where the line ends.

    :param label: stands in the margin of its first line
    """
    margin = " " * indent
    wrapped = fill(
        texts(text)[0].plain,
        console.width,
        initial_indent=label.ljust(indent),
        subsequent_indent=margin,
        break_on_hyphens=False,
    )
    console.print(Text(wrapped), soft_wrap=True)


def nothing_left(text: str) -> NoReturn:
    """End the command because nothing that it was given can be used.

    :raises SystemExit: always, with 2
    """
    note(text)
    raise SystemExit(_NOTHING_LEFT)


def print_json(values: Iterable[dict[str, Any]]) -> None:
    """Print a list for programs."""
    sys.stdout.write(json.dumps(list(values), indent=2) + "\n")


def print_object(value: dict[str, Any]) -> None:
    """Print one thing for programs."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def counted(count: int, thing: str) -> str:
    """A number of things, in words: ``1 run``, ``2 runs``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def texts(*values: str | None) -> list[Text]:
    """Texts from outside: nothing in them is markup or steers the terminal."""
    return [Text("".join(c if c.isprintable() else "�" for c in value or "")) for value in values]


def day(at: float | None) -> str:
    """The day of a moment, UTC; empty for none."""
    return "" if at is None else datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d")


def moment(at: float) -> str:
    """A moment to the minute, UTC."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
