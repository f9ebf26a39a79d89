"""Turns a proposal into a decision: the guards of a policy one after the other."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

from airflow_enel.control.guards.base import within_bounds
from airflow_enel.control.planning.proposal import PlannedProposal
from airflow_enel.domain import Decision, Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.guards.base import Guard, GuardContext


def apply_guards(
    guards: Sequence[Guard],
    proposal: Proposal,
    context: GuardContext,
    *,
    try_number: int,
) -> Decision:
    """Turn a proposal into a decision for the present epoch.

    At the start nothing is there yet that a guard could keep: only the bounds hold.

    :raises TypeError: if the proposal is not a whole number
    """
    progress = context.progress
    executors = index(proposal.executors)  # also what makes an int of a NumPy integer
    notes = []
    # The bounds come last whatever the list says: they are a promise, not a preference.
    for guard in (*(guards if progress.epoch else ()), within_bounds):
        note = guard(executors, context)
        if note is not None and note.executors != executors:
            executors = note.executors
            notes.append(note)
    proposed = index(proposal.executors)
    miss, expected_s = context.miss_probability(executors), context.expected_s(executors)
    if isinstance(proposal, PlannedProposal) and executors == proposed:
        miss, expected_s = proposal.miss_probability, proposal.expected_s
    return Decision(
        epoch=progress.epoch,
        try_number=try_number,
        decided_at=context.now,
        executors_before=progress.requested if progress.epoch else progress.executors,
        executors=executors,
        miss_probability=miss,
        proposal=Proposal(proposed, proposal.reason),
        guards=tuple(notes),
        expected_s=expected_s,
    )
