"""The observer of the application that a sensor watches, for all pokes of one process.

The past of the job and what the application has told so far are read once. The next poke does not
need any of it: in another process it reads all of that again, and decides the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.control.policies import policy as find_policy
from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.operators.models import job_model, needs_stages
from airflow_enel.operators.observe import (
    Observed,
    Observer,
    expected_components,
    steering_of,
)

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import Run
    from airflow_enel.history.base import Application, History, RunRow


class Watching:
    """Knows how to observe the application that was asked for last."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._observed: Observed | None = None
        self._writer: ImmediateWriter | None = None
        self._observer: Observer | None = None

    def observer(
        self, history: History, application: Application, row: RunRow, log: Logger
    ) -> Observer:
        """The observer of an application.

        :param history: where it records until the next call, and reads what it does not know yet
        :param row: of ``application``
        :raises HistoryError: if the past cannot be read
        """
        if self._observed is None or self._run != row.run:
            self.read_anew()
            self._observed = _observed(history, row, log)
            self._run = row.run
        if self._observer is None or self._writer is None:
            self._writer = ImmediateWriter(history)
            self._observer = Observer(
                self._observed, self._writer, log, saved=application.components
            )
        self._writer.reconnect(history)
        return self._observer

    def read_anew(self) -> None:
        """Let the next observer read the application from its beginning."""
        self._writer = self._observer = None


def _observed(history: History, row: RunRow, log: Logger) -> Observed:
    run = row.run
    dag_id, chosen = run.key.dag_id, find_policy(run.policy)
    past_runs = history.past_runs(dag_id, run.job_key, stages=needs_stages(chosen))
    steering = steering_of(
        *(run.policy, run.runtime_target_s, run.bounds, run.key.submit_try),
        past_runs,
        run.context,
        job_model(chosen, history, dag_id, run.job_key, log),
    )
    return Observed(row.id, steering, expected_components(past_runs))
