"""Policies by name.

A package of one's own adds to them::

    from airflow_enel.control.policies import register

    register(MyPolicy())  # then policy="mine" on the operator
"""

from __future__ import annotations

from airflow_enel.control.policies.base import (
    JobModel,
    ModelFormat,
    Policy,
    ReadsModels,
    training_name,
)
from airflow_enel.control.policies.bell import BellPolicy
from airflow_enel.control.policies.ellis import EllisPolicy
from airflow_enel.control.policies.enel_paper import EnelPaperPolicy
from airflow_enel.control.policies.static import StaticPolicy

__all__ = [
    "POLICIES",
    "BellPolicy",
    "EllisPolicy",
    "EnelPaperPolicy",
    "JobModel",
    "ModelFormat",
    "Policy",
    "ReadsModels",
    "StaticPolicy",
    "policy",
    "register",
    "training_name",
]

POLICIES: dict[str, Policy] = {}


def register(new: Policy) -> None:
    """Offer a policy under its name.

    :raises ValueError: if another policy has that name
    """
    if POLICIES.get(new.name, new) != new:
        raise ValueError(f"there is a policy {new.name!r} already; give yours another name")
    POLICIES[new.name] = new


def policy(name: str) -> Policy:
    """The policy with a name.

    :raises ValueError: if there is none
    """
    if name not in POLICIES:
        raise ValueError(
            f"there is no policy {name!r}; choose one of {', '.join(sorted(POLICIES))}"
        )
    return POLICIES[name]


for _policy in (StaticPolicy(), BellPolicy(), EllisPolicy(), EnelPaperPolicy()):
    register(_policy)
