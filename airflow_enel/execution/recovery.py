"""What earlier tries of a task have left, on this worker and elsewhere, and what to do about it.

The folder of a run is made before its submission and removed when a task has used its result. So
the folder of an earlier try is a run whose result no task has used: its driver runs, or has ended
while nobody looked, or was never started. For drivers on other workers there is a record in the
``task_state_store``; more is known from the history and from the agent. The choice that follows
from all that is the table in `airflow_enel.control.lifecycle`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import AirflowException

from airflow_enel.control.lifecycle import Action, AttemptStatus, first_action
from airflow_enel.domain import DriverStatus, Run, RunKey
from airflow_enel.execution.agent_access import agent_of
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.execution.submission_record import SubmissionRecord
from airflow_enel.history.interface import HistoryError
from airflow_enel.spark.agent_client import AgentError
from airflow_enel.spark.submission.base import ApplicationHandle

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.execution.submission_record import StateStore
    from airflow_enel.history.interface import History, RunRow
    from airflow_enel.spark.submission.base import SubmittedApplication, Submitter

_LOOK_AGAIN_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """The application of an earlier try whose result no task has used.

    :param key: of its run
    :param run: as it was stored when it was submitted, None if nobody knows it any more
    :param token: of its agent, None if this worker does not have it
    """

    key: RunKey
    application: SubmittedApplication
    run: Run | None
    token: str | None
    status: AttemptStatus


class Recovery:
    """Finds out about earlier tries, and waits while that is not certain.

    :param key: of the present try
    :param durable: see `first_action`
    :param patience_s: how long to wait while it is not known whether an application runs
    """

    def __init__(
        self,
        key: RunKey,
        submitter: Submitter,
        store: StateStore | None,
        history: History | None,
        log: Logger,
        *,
        durable: bool,
        patience_s: float,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._key = key
        self._submitter = submitter
        self._store = store
        self._history = history
        self._log = log
        self._durable = durable
        self._patience_s = patience_s
        self._clock = clock

    def choose(self, is_killed: Callable[[], bool]) -> tuple[EarlierAttempt | None, Action]:
        """Return the application of an earlier try, if any, and what to do about it.

        :raises AirflowException: if it stays unknown whether an application runs
        """
        deadline = self._clock.now() + self._patience_s
        warned = False
        while True:
            record = SubmissionRecord.read(self._store) if self._store else None
            earlier = self.find(record)
            action = first_action(earlier.status if earlier else None, durable=self._durable)
            if action is not Action.WAIT or earlier is None:
                return earlier, action
            if is_killed() or self._clock.now() > deadline:
                raise AirflowException(unknown_state(earlier.key))
            if not warned:
                warned = True
                self._log.warning(
                    "Try %d has submitted an application on %s. Whether it still runs is not "
                    "known; waiting %.0f s to find out, as a second one must not run beside it",
                    earlier.key.submit_try,
                    record.host if record else "another worker",
                    self._patience_s,
                )
            self._clock.sleep(_LOOK_AGAIN_S)

    def find(self, record: SubmissionRecord | None) -> EarlierAttempt | None:
        """Return the application of an earlier try that is to be dealt with, None if there is none.

        :param record: of the latest submission
        """
        if record is not None and record.submit_try >= self._key.submit_try:
            record = None
        found = self._on_this_worker(record)
        if found is not None or record is None:
            return found
        return self._elsewhere(record)

    def _on_this_worker(self, record: SubmissionRecord | None) -> EarlierAttempt | None:
        """Return the latest that runs or has succeeded, else the latest; remove the others.

        There can be several only if tries died one after the other before they had cleaned up.
        """
        found: list[EarlierAttempt] = []
        for submit_try in range(self._key.submit_try - 1, 0, -1):
            key = replace(self._key, submit_try=submit_try)
            application = self._submitter.attach(ApplicationHandle(key.id, socket.gethostname()))
            status = application.get_status()
            if status is DriverStatus.ABSENT:
                continue
            handed_over = bool(record and record.handed_over and record.submit_try == submit_try)
            known = application.folder.read_submission()
            found.append(
                EarlierAttempt(
                    key=key,
                    application=application,
                    run=known.run if known else None,
                    token=known.token if known else None,
                    status=AttemptStatus(status, True, None, False, handed_over),
                )
            )
        found.sort(key=lambda it: it.status.driver is DriverStatus.OVER)
        for surplus in found[1:]:
            surplus.application.terminate()
            surplus.application.folder.remove()
        return found[0] if found else None

    def _elsewhere(self, record: SubmissionRecord) -> EarlierAttempt:
        key = replace(self._key, submit_try=record.submit_try)
        row = _row_of(key, self._history)
        attempt = AttemptStatus(
            driver=DriverStatus.ABSENT,
            submitted_here=record.is_here,
            recorded=row.state if row else None,
            # Whoever follows it needs the run as it was stored, too.
            agent_answers=row is not None and _agent_answers(key, self._history),
            handed_over=record.handed_over,
        )
        application = self._submitter.attach(record.handle(key))
        return EarlierAttempt(key, application, row.run if row else None, None, attempt)


def unknown_state(key: RunKey) -> str:
    """Return what to tell the user when it stays unknown whether an application is alive.

    :param key: of its run
    """
    return (
        f"Try {key.submit_try} has submitted an application on another worker, and whether it "
        "still runs cannot be found out: neither its agent nor the history answers. No second one "
        "is started. If it is certain that it is gone: airflow enel mark-lost "
        f"{key.id}, and clear the task."
    )


def _row_of(key: RunKey, history: History | None) -> RunRow | None:
    if history is None:
        return None
    try:
        return history.run(key.id)
    except HistoryError:
        return None


def _agent_answers(key: RunKey, history: History | None) -> bool:
    client = agent_of(key, history)
    if client is None:
        return False
    try:
        client.events(0)
    except AgentError:
        return False
    finally:
        client.close()
    return True
