"""Tables of results, for Markdown files and for the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first column is named, the others hold figures.

    :param name: by which files refer to it, see `benchmarks.experiments.documents`
    :param caption: what it shows, with its units
    """

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        widths = {len(row) for row in (self.headings, *self.rows)}
        if len(widths) > 1:
            raise ValueError(f"table {self.name!r}: rows of {sorted(widths)} cells")

    def markdown(self) -> str:
        """As a pipe table, under its caption."""
        rules = ("---", *("--:" for _ in self.headings[1:]))
        lines = [self.headings, rules, *self.rows]
        body = "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in lines)
        return f"{self.caption}\n\n{body}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
