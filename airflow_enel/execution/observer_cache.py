"""The observer of the application that a sensor watches, for all pokes of one process.

The past of the job and what the application has told so far are read once. The next poke does not
need any of it: in another process it reads all of that again, and decides the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.execution.observer import Observer
from airflow_enel.execution.scaling_config import MonitoredRun, job_past, monitored_run

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import Run
    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.history.interface import Application, History, RunRow


class ObserverCache:
    """Keeps the observer of the application that was asked for last.

    :param on_miss: see `Observer`
    """

    def __init__(self, on_miss: MissCallbacks | None = None) -> None:
        self._on_miss = on_miss
        self._run: Run | None = None
        self._monitored: MonitoredRun | None = None
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
        if self._monitored is None or self._run != row.run:
            self.reset()
            past = job_past(history, row.run, log)
            self._monitored = monitored_run(row.run, past, row.run.key.submit_try)
            self._run = row.run
        if self._observer is None or self._writer is None:
            self._writer = ImmediateWriter(history)
            self._observer = Observer(
                self._monitored,
                self._writer,
                log,
                saved=application.components,
                on_miss=self._on_miss,
            )
        self._writer.reconnect(history)
        return self._observer

    def reset(self) -> None:
        """Let the next observer read the application from its beginning."""
        self._writer = self._observer = None
