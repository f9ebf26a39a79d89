"""Real Spark under real tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.processes.spark import use_spark


@pytest.fixture
def spark_home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Spark distribution of the checkout, first on the PATH."""
    return use_spark(monkeypatch)
