"""Proposal of a policy that plans."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_enel.domain import Proposal


@dataclass(frozen=True, slots=True)
class PlannedProposal(Proposal):
    """The next size of a plan, which need not be the size of the whole rest.

    :param miss_probability: of the plan, 0…1
    :param expected_s: until the end, by the plan
    """

    miss_probability: float
    expected_s: float
