"""Policy ``bell``: a size chosen once, from the total runtimes of past runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.sizing import initial_size
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import PolicyContext


def propose(context: PolicyContext) -> Proposal:
    """Start with the smallest size that Bell predicts to meet the target, and keep it."""
    if context.start is None:
        return Proposal(context.progress.requested, "chosen once, before the start")
    return initial_size(context, context.start)


BELL: Final = Policy("bell", propose, forecaster="bell", rescales=False)
