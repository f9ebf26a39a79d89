"""Policy ``static``: the size that the user gives, for the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import PolicyContext


def propose(context: PolicyContext) -> Proposal:
    """Start with the given number of executors, else the maximum, and keep it."""
    if context.start is None:
        return Proposal(context.progress.requested, "a static size stays")
    given = context.start.given_executors
    if given is None:
        return Proposal(context.bounds.maximum, "no num_executors given, so the largest size")
    return Proposal(given, "as given by num_executors")


STATIC: Final = Policy("static", propose, rescales=False, needs_target=False)
