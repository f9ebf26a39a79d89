"""The agent in a Spark driver as its clients know it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """Where an agent listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class AgentAccess:
    """What a client of an agent needs.

    :param token: the agent's secret
    :param address: None until the agent is up
    """

    token: str = field(repr=False)
    address: AgentAddress | None
