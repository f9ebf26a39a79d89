"""Finds the event logs and trace files at the paths that a user names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from airflow_enel.spark.eventlog import UnusableLog, find_logs


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file, or a folder, that cannot be used."""

    path: Path
    reason: str


def find_files(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[LeftOut, ...]]:
    """Return the files at some paths, each once in the order of the paths, and what is left out.

    A rolling event log counts as one file. No file is opened.
    """
    files: dict[Path, None] = {}
    left_out = []
    for path in paths:
        try:
            found = find_logs(path)
        except UnusableLog as error:
            left_out.append(LeftOut(path, str(error)))
            continue
        if not found:
            left_out.append(LeftOut(path, "no event logs or trace files in this folder"))
        files |= dict.fromkeys(found)
    return tuple(files), tuple(left_out)
