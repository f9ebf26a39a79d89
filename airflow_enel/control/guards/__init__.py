"""Guards: small pure functions that can change a proposal before it becomes a decision."""

from airflow_enel.control.guards.base import (
    DEFAULT_LIMITS,
    Guard,
    GuardContext,
    Limits,
    freshness,
    within_bounds,
)
from airflow_enel.control.guards.capacity import cached_data, observed_cap
from airflow_enel.control.guards.pace import action_budget, cool_down, hysteresis, step_limit
from airflow_enel.control.guards.switches import switched

BASELINE_GUARDS: tuple[Guard, ...] = (freshness, within_bounds, switched)
"""After policies that stay as they were published, so that they can be compared."""

GUARDS: tuple[Guard, ...] = (
    freshness,
    within_bounds,
    observed_cap,
    cached_data,
    step_limit,
    cool_down,
    hysteresis,
    action_budget,
    switched,
)
"""After every other policy."""

__all__ = ["BASELINE_GUARDS", "DEFAULT_LIMITS", "GUARDS", "Guard", "GuardContext", "Limits"]
