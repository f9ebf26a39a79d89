"""One self-contained HTML page with all tables and charts: no script, nothing from elsewhere."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.experiments.tables import Table

_TEMPLATES: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart.

    :param name: of its file, without ``.png``
    :param description: for those who cannot see it
    """

    name: str
    description: str
    png: bytes

    @property
    def base64(self) -> str:
        """As a page holds it."""
        return base64.b64encode(self.png).decode()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    :param name: of its anchor
    """

    name: str
    title: str
    text: str
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()


def render(title: str, introduction: str, sections: tuple[Section, ...], footer: str) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html.j2").render(
        title=title, introduction=introduction, sections=sections, footer=footer
    )
