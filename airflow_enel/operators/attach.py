"""What earlier tries have left: on this worker, and elsewhere.

The folder of a driver is made before its start and removed when a task has delivered its result.
So a folder of an earlier try is a run whose result nobody has delivered: its driver runs, or has
ended while nobody looked, or was never started. For drivers on other workers there is a record
in the ``task_state_store``, written before the submission and removed with the folder; more is
learned from the history and from the agent. What follows from all that is not decided here: see
`airflow_enel.control.lifetime`.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pydantic import TypeAdapter, ValidationError

from airflow_enel.control.lifetime import Driver, Evidence
from airflow_enel.domain import Run, RunKey, RunState
from airflow_enel.domain.wire import STRICT
from airflow_enel.history.base import HistoryError
from airflow_enel.spark.client import AgentAddress, AgentClient, AgentError
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder, DriverLost

if TYPE_CHECKING:
    from airflow_enel.history.base import History

RECORD_KEY: Final = "enel:submission"


class StateStore(Protocol):
    """What is used of ``context["task_state_store"]``."""

    def get(self, key: str) -> Any:
        """Read a value, None if there is none."""

    def set(self, key: str, value: Any) -> None:
        """Write a value."""

    def delete(self, key: str) -> None:
        """Delete a value."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a later try must know to follow a driver."""

    __pydantic_config__: ClassVar = STRICT

    run: Run
    token: str


@dataclass(frozen=True, slots=True)
class Record:
    """Where a try has submitted an application; every viewer of the DAG can read it.

    :param handed_over: True if the task did not wait for the application, and succeeded
    """

    __pydantic_config__: ClassVar = STRICT

    submit_try: int
    host: str
    handed_over: bool = False

    @classmethod
    def here(cls, submit_try: int, *, handed_over: bool = False) -> Record:
        """The record of a submission on this worker."""
        return cls(submit_try, socket.gethostname(), handed_over)

    def write(self, store: StateStore) -> None:
        """Leave it for later tries of the task instance."""
        store.set(RECORD_KEY, _RECORD.dump_python(self, mode="json"))

    @staticmethod
    def read(store: StateStore) -> Record | None:
        """The record of an earlier try, None if there is none that can be read."""
        try:
            return _RECORD.validate_json(json.dumps(store.get(RECORD_KEY)))
        except (ValidationError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The application of an earlier try whose result nobody has delivered.

    :param key: of its run
    :param submission: what its folder says, None if it has none on this worker
    """

    key: RunKey
    driver: ClientDriver
    submission: Submission | None
    evidence: Evidence


_SUBMISSION = TypeAdapter(Submission)
_RECORD = TypeAdapter(Record)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def note(folder: DriverFolder, submission: Submission) -> None:
    """Leave word for later tries on this worker."""
    write_private(folder.run, _SUBMISSION.dump_json(submission))


def read_submission(folder: DriverFolder) -> Submission | None:
    """What `note` has left, None if there is nothing that can be read."""
    try:
        return _SUBMISSION.validate_json(folder.run.read_bytes())
    except (OSError, ValidationError):
        return None


def earlier_application(
    key: RunKey, base: Path | None, record: Record | None, history: History | None
) -> Earlier | None:
    """The application of an earlier try that is to be dealt with, None if there is none.

    :param key: of the present try
    :param base: see :meth:`DriverFolder.of`
    :param record: of the latest submission
    """
    if record is not None and record.submit_try >= key.submit_try:
        record = None
    found = _on_this_worker(key, base, record)
    if found is not None or record is None:
        return found
    past = replace(key, submit_try=record.submit_try)
    evidence = Evidence(
        driver=Driver.ABSENT,
        submitted_here=record.host == socket.gethostname(),
        recorded=_recorded(past, history),
        agent_answers=_agent_answers(past, history),
        handed_over=record.handed_over,
    )
    return Earlier(past, ClientDriver(DriverFolder.of(past.id, base)), None, evidence)


def _on_this_worker(key: RunKey, base: Path | None, record: Record | None) -> Earlier | None:
    """The latest that runs or has succeeded, else the latest at all; the others are cleared away.

    There can be several only if tries died one after the other before they had cleared away.
    """
    found: list[Earlier] = []
    for submit_try in range(key.submit_try - 1, 0, -1):
        past = replace(key, submit_try=submit_try)
        driver = ClientDriver(DriverFolder.of(past.id, base))
        if driver.folder.exists or driver.processes():
            submission = read_submission(driver.folder)
            handed_over = record == Record(submit_try, record.host, True) if record else False
            state = _state(driver) if submission else Driver.OVER
            evidence = Evidence(state, True, None, False, handed_over)
            found.append(Earlier(past, driver, submission, evidence))
    found.sort(key=lambda it: it.evidence.driver is Driver.OVER)
    for surplus in found[1:]:
        surplus.driver.bury()
    return found[0] if found else None


def _state(driver: ClientDriver) -> Driver:
    if driver.folder.killed.exists():
        return Driver.OVER
    try:
        exit_code = driver.exit_code()
    except DriverLost:
        return Driver.OVER
    if exit_code is None:
        return Driver.RUNNING
    return Driver.SUCCEEDED if exit_code == 0 else Driver.OVER


def _recorded(key: RunKey, history: History | None) -> RunState | None:
    if history is None:
        return None
    try:
        return history.run(key.id).state
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


def agent_of(key: RunKey, history: History | None) -> AgentClient | None:
    """The way to the agent of a run, None if the history does not know it."""
    try:
        known = history.agent_of(key.id) if history else None
    except HistoryError:
        return None
    if known is None:
        return None
    host, port, token = known
    return AgentClient(AgentAddress(host, port), token)
