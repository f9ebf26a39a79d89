"""Guard that applies the switches of people: ``airflow enel pause``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.domain import GuardNote

if TYPE_CHECKING:
    from airflow_enel.control.guards.base import GuardContext


def switched(executors: int, context: GuardContext) -> GuardNote | None:
    """Hold back what people have paused; in a dry run say what would have been asked for."""
    requested, switches = context.progress.requested, context.switches
    if executors == requested:
        return None
    if switches.dry_run:
        return GuardNote("dry-run", requested, f"would have asked for {executors}")
    if executors < requested and switches.pause_in:
        return GuardNote("pause-in", requested, "releases are paused")
    if executors > requested and switches.pause_out:
        return GuardNote("pause-out", requested, "growth is paused")
    return None
