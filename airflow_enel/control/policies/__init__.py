"""Policies: how executors are chosen, see "Add a policy" in ``docs/architecture.md``."""

from airflow_enel.control.policies.base import Policy, PolicyContext, StartContext
from airflow_enel.control.policies.registry import find_policy

__all__ = ["Policy", "PolicyContext", "StartContext", "find_policy"]
