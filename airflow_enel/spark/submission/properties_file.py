"""Reads Spark properties files as spark-submit does: ``java.util.Properties`` in UTF-8.

Malformed bytes are replaced, values are trimmed, and only keys that begin with ``spark.`` count
(Spark's ``Utils.getPropertiesFromFile`` and ``SparkSubmitArguments``, 3.5 to 4.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_WHITE: Final = " \t\f"
_ENTRY: Final = re.compile(
    r"(?P<name>(?:\\.|[^\\ \t\f=:])*)[ \t\f]*(?:[=:][ \t\f]*)?(?P<value>.*)", re.DOTALL
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROL: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_TRIMMED: Final = "".join(chr(code) for code in range(0x21) if chr(code) not in "\r\n")


def read_properties(path: Path) -> dict[str, str]:
    r"""Return the Spark properties of a file.

    :raises OSError: if it cannot be read
    :raises ValueError: for an incomplete escape such as ``\u12``, which spark-submit refuses
    """
    return parse_properties(path.read_bytes().decode("utf-8", "replace"))


def parse_properties(text: str) -> dict[str, str]:
    """Return the Spark properties in the text of a file; raises as `read_properties` does."""
    found: dict[str, str] = {}
    for line in _logical_lines(text):
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            found[_unescaped(entry["name"])] = _unescaped(entry["value"]).strip(_TRIMMED)
    return {name: value for name, value in found.items() if name.startswith("spark.")}


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments and blank ones, joined where a backslash ends them."""
    logical = ""
    for line in _LINE_END.split(text):
        part = line.lstrip(_WHITE)
        if not logical and (not part or part[0] in "#!"):
            continue
        continued = (len(part) - len(part.rstrip("\\"))) % 2 == 1
        logical += part[:-1] if continued else part
        if not continued:
            yield logical
            logical = ""
    if logical:
        yield logical


def _unescaped(text: str) -> str:
    def character(escape: re.Match[str]) -> str:
        if escape[1] is not None:
            return chr(int(escape[1], 16))
        if escape[2] == "u":
            raise ValueError(r"malformed \uxxxx escape")
        return _CONTROL.get(escape[2], escape[2])

    plain = _ESCAPE.sub(character, text)
    # Java writes characters beyond 16 bits as two escapes.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
