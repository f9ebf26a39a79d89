"""Prints the result of an import of event logs as tables of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from airflow_enel.cli.output import day, texts
from airflow_enel.ingest.read_runs import Line, Result

_LEAST_NAME: Final = 8
_GAP: Final = 2  # blanks between columns
_NAMES: Final = ("log", "job")
_RIGHT: Final = ("runtime", "executors", "components")


def print_lines(lines: Sequence[Line]) -> None:
    """Print a table of the runs, then the reasons, each once, and how many logs there were."""
    console = Console()
    shown = [line for line in lines if line.result is not Result.SKIPPED]
    if shown:
        _print_table(console, shown)
    for text in reasons((line.result.value, line.log, line.reason) for line in lines):
        console.print(*texts(text), soft_wrap=True)
    counts = {result: sum(line.result is result for line in lines) for result in Result}
    console.print(", ".join(f"{n} {result.value}" for result, n in counts.items() if n))


def reasons(found: Iterable[tuple[str, str, str]]) -> list[str]:
    """A line per result and reason, with the first file it is true of.

    :param found: result, file and reason, which is empty for none
    """
    files: dict[tuple[str, str], list[str]] = {}
    for result, file, reason in found:
        if reason:
            files.setdefault((result, reason), []).append(file)
    return [
        f"{result}: {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}: {reason}"
        for (result, reason), names in files.items()
    ]


def short_names(paths: Sequence[Path]) -> list[str]:
    """The name of each file, with as many of its folders as distinguish it from the others."""
    names = []
    for path in paths:
        others = {other for other in paths if other.name == path.name and other != path}
        parts = 1
        while any(other.parts[-parts:] == path.parts[-parts:] for other in others):
            parts += 1
        names.append("/".join(path.parts[-parts:]))
    return names


def _print_table(console: Console, lines: Sequence[Line]) -> None:
    """A table without the columns in which all rows are the same: those are said once above."""
    columns = _columns(lines)
    shared = {
        heading: cells[0]
        for heading, cells in columns.items()
        if len(cells) > 1 and len(set(cells)) == 1
    }
    facts = [f"{heading} {cell}" for heading, cell in shared.items() if cell]
    if facts:
        console.print(*texts(f"All {len(lines)}: {', '.join(facts)}"), soft_wrap=True)
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 0, 0, 1))
    shown = {heading: cells for heading, cells in columns.items() if heading not in shared}
    for heading in shown:
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", no_wrap=True)
    for row in zip(*_fitted(shown, console.width).values(), strict=True):
        table.add_row(*texts(*row))
    console.print(table)


def _columns(lines: Sequence[Line]) -> dict[str, list[str]]:
    return {
        "log": short_names([Path(line.log) for line in lines]),
        # Of those that were imported, how they ended says more than that they were.
        "result": [line.result.value if line.state is None else line.state.value for line in lines],
        "job": [line.job_key or "" for line in lines],
        "started": [day(line.started_at) for line in lines],
        "runtime": ["" if s is None else f"{s:,.0f} s" for s in (it.runtime_s for it in lines)],
        "executors": [_number(line.executors) for line in lines],
        "components": [_number(line.components) for line in lines],
    }


def _fitted(columns: dict[str, list[str]], width: int) -> dict[str, list[str]]:
    """The columns with names of logs and jobs cut such that all fit."""
    names = [heading for heading in _NAMES if heading in columns]
    wanted = {heading: max(map(len, (heading, *cells))) for heading, cells in columns.items()}
    others = sum(size + _GAP for heading, size in wanted.items() if heading not in names)
    room = max(width - others - _GAP * len(names), _LEAST_NAME * len(names))
    widths: dict[str, int] = {}
    for number, heading in enumerate(sorted(names, key=wanted.__getitem__)):
        widths[heading] = min(wanted[heading], room // (len(names) - number))
        room -= widths[heading]
    return {
        heading: [_end(cell, widths.get(heading, width)) for cell in cells]
        for heading, cells in columns.items()
    }


def _end(text: str, width: int) -> str:
    """The end of a text that is too long: names of logs and jobs differ there."""
    return text if len(text) <= width else f"…{text[1 - width :]}"


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
