"""Which tests start processes: a plugin of pytest that marks them, and holds others to it.

Files with the slowest of them come first, so that no worker of xdist begins one at the end.

Tests that take a server of PostgreSQL or the jar of the agent are marked by that; all others by
hand. A test that starts a process without a marker fails, so that ``make test-fast`` stays fast.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import pytest

PROCESSES: Final = ("spark", "airflow", "postgres", "processes")
"""The markers of tests that may start processes."""

_BY_FIXTURE: Final = {
    "jar": "spark",
    "launch": "spark",
    "postgres": "postgres",
    "postgres_server": "postgres",
    "postgres_url": "postgres",
}
_SLOWEST: Final = ("airflow", "spark")
_allowed = True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes a fixture that starts processes, by its name or as a parameter; sort."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        taken = [*getattr(item, "fixturenames", ()), *map(str, parameters.values())]
        for marker in sorted({_BY_FIXTURE[name] for name in taken if name in _BY_FIXTURE}):
            item.add_marker(marker)
    slow = {it.path for it in items if any(it.get_closest_marker(name) for name in _SLOWEST)}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Allow processes while a test runs that is marked."""
    global _allowed  # noqa: PLW0603 - an audit hook is for the whole process
    _allowed = any(item.get_closest_marker(name) for name in PROCESSES)
    try:
        return (yield)
    finally:
        _allowed = True


def _no_process_unmarked(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and not _allowed:
        raise RuntimeError(f"mark the test `processes`: it starts {arguments[1]}")


sys.addaudithook(_no_process_unmarked)
