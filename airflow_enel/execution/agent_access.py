"""The way to the agent of a run through the history, from any worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.history.interface import HistoryError
from airflow_enel.spark.client import AgentClient

if TYPE_CHECKING:
    from airflow_enel.domain import RunKey
    from airflow_enel.history.interface import History


def agent_of(key: RunKey, history: History | None) -> AgentClient | None:
    """Return a client of a run's agent, None if the history does not know where it is."""
    try:
        access = history.agent_of(key.id) if history else None
    except HistoryError:
        return None
    if access is None or access.address is None:
        return None
    return AgentClient(access.address, access.token)
