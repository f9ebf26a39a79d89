"""Access to the agent of a run, and what is logged while there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.history.interface import HistoryError
from airflow_enel.spark.agent_client import AgentClient

if TYPE_CHECKING:
    from airflow_enel.domain import RunKey
    from airflow_enel.history.interface import History


UNOBSERVED: Final = "The application runs on at its present size; it cannot be observed now: %s"
"""Log message while the agent or the history cannot be used."""

AGENT_DID_NOT_START: Final = (
    "The agent in the Spark driver has not come up, so the application runs at a fixed size; look "
    "for lines with EnelAgent in the driver's output"
)
"""Log message when the agent has never been reached."""


def agent_of(key: RunKey, history: History | None) -> AgentClient | None:
    """Return a client of a run's agent, None if the history does not know where it is."""
    try:
        access = history.agent_of(key.id) if history else None
    except HistoryError:
        return None
    if access is None or access.address is None:
        return None
    return AgentClient(access.address, access.token)
