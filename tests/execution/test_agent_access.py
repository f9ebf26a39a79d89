"""The way to the agent of a run through the history."""

from __future__ import annotations

from typing import Any, cast

import pytest

from airflow_enel.domain import AgentAccess, AgentAddress, RunKey
from airflow_enel.execution.agent_access import agent_of
from airflow_enel.history.interface import HistoryUnavailable
from tests.support.fakes.histories import MemoryHistory

KEY = RunKey("dag", "run", "task", -1, submit_try=1)


def test_an_agent_whose_address_and_token_are_known_can_be_asked() -> None:
    history = MemoryHistory()
    history.agents[KEY.id] = AgentAccess("the secret", AgentAddress("worker", 4050))
    client = agent_of(KEY, cast("Any", history))
    assert client is not None
    client.close()


@pytest.mark.parametrize("known", [None, AgentAccess("the secret", None)])
def test_there_is_no_way_to_an_agent_whose_address_is_unknown(known: AgentAccess | None) -> None:
    history = MemoryHistory()
    if known is not None:
        history.agents[KEY.id] = known
    assert agent_of(KEY, cast("Any", history)) is None


def test_there_is_no_way_to_an_agent_without_a_history_that_answers() -> None:
    class Away:
        def agent_of(self, _: str) -> Any:
            raise HistoryUnavailable("away")

    assert agent_of(KEY, cast("Any", Away())) is None
    assert agent_of(KEY, None) is None
