"""Where a try has submitted its application: the record that later tries find in Airflow.

It is kept in the ``task_state_store`` of the task instance, written before the submission and
removed when the result has been used. Its key and fields are a format that outlives upgrades.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from pydantic import TypeAdapter, ValidationError

from airflow_enel.domain.wire import STRICT
from airflow_enel.spark.submission.base import ApplicationHandle

if TYPE_CHECKING:
    from airflow_enel.domain import RunKey

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
class SubmissionRecord:
    """Where a try has submitted an application; every viewer of the DAG can read it.

    :param host: name of the worker
    :param handed_over: True if the task did not wait for the application, and succeeded
    """

    __pydantic_config__: ClassVar = STRICT

    submit_try: int
    host: str
    handed_over: bool = False

    @classmethod
    def here(cls, submit_try: int, *, handed_over: bool = False) -> SubmissionRecord:
        """Return the record of a submission on this worker."""
        return cls(submit_try, socket.gethostname(), handed_over)

    @property
    def is_here(self) -> bool:
        """True if this worker is where it was submitted."""
        return self.host == socket.gethostname()

    def handle(self, key: RunKey) -> ApplicationHandle:
        """Return the handle of the application.

        :param key: of any try of the task instance
        """
        return ApplicationHandle(replace(key, submit_try=self.submit_try).id, self.host)

    def write(self, store: StateStore) -> None:
        """Keep it for later tries of the task instance."""
        store.set(RECORD_KEY, _RECORD.dump_python(self, mode="json"))

    @staticmethod
    def read(store: StateStore) -> SubmissionRecord | None:
        """Return the record of an earlier try, None if there is none that can be read."""
        try:
            return _RECORD.validate_json(json.dumps(store.get(RECORD_KEY)))
        except (ValidationError, TypeError):
            return None


_RECORD: Final = TypeAdapter(SubmissionRecord)
