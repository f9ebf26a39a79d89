"""Entry points of packages that are not installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from airflow_enel import registry

Declare = Callable[..., None]


def declaring(monkeypatch: pytest.MonkeyPatch, group: str) -> Declare:
    """Return what declares entry points, by name and import path, to our registries alone.

    :param group: of the entry points
    """

    def declare(**paths: str) -> None:
        found = EntryPoints(EntryPoint(name, path, group) for name, path in paths.items())
        monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))

    return declare
