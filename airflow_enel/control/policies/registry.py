"""Registry of policies: finds one by the name that users write on the operator.

A name is that of a built-in policy, of an entry point of the group ``airflow_enel.policies``, or
an import path ``package.module:NAME``. What it stands for is a
:class:`~airflow_enel.control.policies.base.Policy`. A package of one's own declares::

    [project.entry-points."airflow_enel.policies"]
    mine = "my_package.policies:MINE"

It must be installed wherever DAGs are parsed and tasks run.
"""

from __future__ import annotations

from typing import Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.registry import Registry

ENTRY_POINT_GROUP: Final = "airflow_enel.policies"

BUILT_IN: Final[dict[str, str]] = {
    "enel": "airflow_enel.control.policies.enel:ENEL",
    "enel-risk": "airflow_enel.control.policies.enel_risk:ENEL_RISK",
    "ellis": "airflow_enel.control.policies.ellis:ELLIS",
    "bell": "airflow_enel.control.policies.bell:BELL",
    "enel-paper": "airflow_enel.control.policies.enel_paper:ENEL_PAPER",
    "utilization": "airflow_enel.control.policies.utilization:UTILIZATION",
    "static": "airflow_enel.control.policies.static:STATIC",
    "observe": "airflow_enel.control.policies.enel:OBSERVE",
}
"""Import paths by name."""

_POLICIES: Final = Registry("policy", ENTRY_POINT_GROUP, BUILT_IN)


def find_policy(name: str) -> Policy:
    """The policy with a name.

    :param name: a built-in name, an entry point or an import path ``package.module:NAME``
    :raises ValueError: if there is no such policy, or it cannot be imported
    """
    found = _POLICIES.find(name)
    if not isinstance(found, Policy):
        raise ValueError(  # noqa: TRY004 - callers handle one kind of error
            f"the policy {name!r} is no airflow_enel.control.policies.Policy: {found!r}"
        )
    return found
