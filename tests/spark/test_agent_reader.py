"""A reader of an agent does not trust what it reads once the driver's clock was set back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from airflow_enel.spark.agent_client import EventPage
from airflow_enel.spark.agent_reader import AgentReader
from tests.support.builders import spark_events as e


def agent(now_s: float, events: list[e.Event]) -> Any:
    numbered = [{"seq": n, "event": event} for n, event in enumerate(events, 1)]
    page = {"protocol": 1, "app_id": "app-1", "now_ms": 1e3 * now_s, "first": 1}
    page |= {"last": len(events), "more": False, "ended": False}
    return cast(
        "Any",
        SimpleNamespace(
            events=lambda after: EventPage.model_validate({**page, "events": numbered[after:]})
        ),
    )


@pytest.mark.parametrize(("now_s", "trusted"), [(100.0, True), (99.5, True), (98.0, False)])
def test_a_clock_that_was_set_back_between_two_readings_is_not_trusted(
    now_s: float, trusted: bool
) -> None:
    reader, events = AgentReader(), e.simple_run(components=1)[:-1]
    assert reader.read(agent(100.0, events)).complete
    assert reader.read(agent(now_s, events)).complete is trusted


def test_a_component_that_starts_before_the_one_before_it_is_not_trusted() -> None:
    events = e.simple_run(components=2)[:-1]
    assert AgentReader().read(agent(100.0, events)).complete
    back = e.job_start(2, 4.0, e.stage_info(2))
    assert not AgentReader().read(agent(100.0, [*events, back])).complete
