"""A recurring job and its past runs: what forecasters and models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_enel.domain.run import PastRun


@dataclass(frozen=True, slots=True)
class JobRuns:
    """Past runs of one recurring job.

    :param job: its name, see :func:`training_name`, or whatever a file of runs calls it
    :param runs: in any order
    :param failed: ``run_id`` of those in which executors failed
    """

    job: str
    runs: tuple[PastRun, ...]
    failed: frozenset[str] = frozenset()

    def in_order(self) -> tuple[PastRun, ...]:
        """Its runs, oldest first."""
        return tuple(sorted(self.runs, key=lambda run: (run.started_at, run.run_id)))


def training_name(dag_id: str, job_key: str) -> str:
    """The name of a recurring job among those of all DAGs."""
    return f"{dag_id}/{job_key}"
