"""Puts tables into Markdown files, between markers that name them.

``<!-- table NAME … -->`` begins a place, ``<!-- end of table -->`` ends it; what stands between
them is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.experiments.cache import write_whole
from benchmarks.experiments.tables import Table

_PLACE: Final = re.compile(
    r"(?P<begin><!-- table (?P<name>[\w.-]+)[^>]*-->\n)(?:(?!<!-- table ).)*?"
    r"(?P<end><!-- end of table -->)",
    re.DOTALL,
)
_MARKER: Final = re.compile(r"<!-- table ")


def update_document(path: Path, tables: Mapping[str, Table]) -> bool:
    """Replace the tables of a file.

    :param tables: by their names
    :return: True if something has changed
    :raises ValueError: if the file names a table that there is none of, or lacks the end of one
    """
    before = path.read_text("utf-8")
    after = with_tables(before, tables, path.name)
    if after == before:
        return False
    write_whole(path, after.encode())
    return True


def with_tables(text: str, tables: Mapping[str, Table], where: str) -> str:
    """A text with its tables replaced, see `update_document`.

    :param where: what messages call the text
    """
    if len(_MARKER.findall(text)) != len(_PLACE.findall(text)):
        raise ValueError(f"{where}: a table has no line '<!-- end of table -->'")

    def replaced(place: re.Match[str]) -> str:
        name = place["name"]
        if name not in tables:
            raise ValueError(f"{where}: no table {name!r}: there are {', '.join(tables)}")
        return f"{place['begin']}\n{tables[name].markdown()}\n\n{place['end']}"

    return _PLACE.sub(replaced, text)
