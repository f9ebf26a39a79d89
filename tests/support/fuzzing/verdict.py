"""How damaged pages of an agent were read: the step that was decided, and what is wrong with it."""

from __future__ import annotations

from typing import Final

import httpx

from airflow_enel.control.decide import ScalingConfig, decide
from airflow_enel.control.policies import Policy, PolicyContext
from airflow_enel.domain import AgentAddress, Bounds, Proposal, Step
from airflow_enel.spark.agent_client import AgentClient, AgentError
from airflow_enel.spark.agent_reader import AgentReader
from tests.support.fuzzing.agent_pages import Case

FAULTS: Final = ("crashes", "rescales on bad data", "harmless ones read otherwise")


def fault(case: Case, expected: Step | None) -> str | None:
    """What is wrong with how a case was read, None if nothing is.

    :param expected: the step after a healthy reading
    """
    try:
        step = verdict(case)
    except Exception:
        return "crashes"
    if case.noise:
        return None
    if case.harmless:
        return None if step == expected else "harmless ones read otherwise"
    return "rescales on bad data" if _rescales(step) else None


def verdict(case: Case) -> Step | None:
    """The decision after the last answer; None if there is none, or no reading."""
    left = list(case.bodies)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=left.pop(0)))
    client = AgentClient(AgentAddress("127.0.0.1", 1), "secret", transport)
    application = AgentReader()
    step: Step | None = None
    while left:
        step = None
        try:
            snapshot = application.read(client)
        except AgentError:
            continue
        except IndexError:
            break  # it asked for more than there is
        step = decide(_CONFIG, snapshot, snapshot.read_at).step
    return step


def _rescales(step: Step | None) -> bool:
    return step is not None and step.decision.executors != step.decision.executors_before


def _restless(context: PolicyContext) -> Proposal:
    """Ask for more at every barrier, or for one if that is too many."""
    wanted, bounds = context.progress.requested + 3, context.bounds
    return Proposal(wanted if wanted <= bounds.maximum else bounds.minimum, "another size")


_RESTLESS = Policy("restless", _restless, needs_target=False)
_CONFIG = ScalingConfig(_RESTLESS, None, None, Bounds(1, 50), 1)
