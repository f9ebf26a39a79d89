"""The API server goes away in the middle of a run and comes back: the history has everything."""

from __future__ import annotations

import pytest

from tests.integration.series import figures_of

pytestmark = pytest.mark.airflow


def test_nothing_is_lost_and_nothing_twice_while_the_api_server_is_away() -> None:
    """One of the two runs loses its task as well while the server is away."""
    found = figures_of("outage", 180, ENEL_OUTAGE_RUNS=2, ENEL_OUTAGE_SECONDS=4)
    assert found["components lost"]["maximum"] == 0
    assert found["decisions lost"]["maximum"] == 0
    assert found["doubled"]["maximum"] == 0
    assert found["decisions in all"]["minimum"] > 3
