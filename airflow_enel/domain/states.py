"""Terminal states: those that a run or an Airflow task instance does not leave."""

from __future__ import annotations

from typing import Final

from airflow_enel.domain.run import RunState

ENDED_RUN_STATES: Final[frozenset[RunState]] = frozenset(
    {RunState.SUCCEEDED, RunState.FAILED, RunState.KILLED, RunState.LOST}
)
"""States of a run whose application has ended, or is given up as lost."""

UNSUCCESSFUL_RUN_STATES: Final[frozenset[RunState]] = ENDED_RUN_STATES - {RunState.SUCCEEDED}

FINAL_TASK_STATES: Final[frozenset[str]] = frozenset(
    {"success", "failed", "skipped", "upstream_failed", "removed"}
)
"""Airflow's states in which a task instance stays, unless somebody clears it."""

EXECUTED_TASK_STATES: Final[frozenset[str]] = FINAL_TASK_STATES | {"up_for_retry"}
"""Airflow's states of a task instance whose operator does not run any more."""
