"""Tokens by which a task proves to the API server which task instance it is.

The task makes a random token and writes its hash, as a key, into its own ``task_state_store``,
which only that task instance can write. A caller that shows the token with the name of the task
instance is believed, because the server finds the hash there. The value is the number of the
try: an older one may look, but not write. Values are readable by every viewer of the DAG; hashes
give nothing away.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from urllib.parse import quote, unquote

from pydantic import Field, TypeAdapter, ValidationError

TASK_HEADER = "X-Enel-Task"

_Name = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\x00]+$")]
_Identity = tuple[
    _Name, _Name, _Name, Annotated[int, Field(ge=-1, lt=2**31)], Annotated[int, Field(ge=0)]
]
_IDENTITY: TypeAdapter[tuple[str, str, str, int, int]] = TypeAdapter(_Identity)


class TaskStateStore(Protocol):
    """What is used of ``context["task_state_store"]``."""

    def set(self, key: str, value: Any) -> None:
        """Write a value."""

    def delete(self, key: str) -> None:
        """Delete a value."""


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """A try of a task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    def header(self) -> str:
        """Return the value of `TASK_HEADER`."""
        parts = (self.dag_id, self.run_id, self.task_id, self.map_index, self.try_number)
        return quote(_IDENTITY.dump_json(parts))

    @classmethod
    def from_header(cls, value: str) -> TaskIdentity:
        """Read the value of `TASK_HEADER`.

        :raises ValueError: if it is none
        """
        try:
            return cls(*_IDENTITY.validate_json(unquote(value), strict=True))
        except ValidationError:
            raise ValueError(
                f"{TASK_HEADER} must be the URL-encoded JSON list "
                "[dag_id, run_id, task_id, map_index, try_number]"
            ) from None


def key_of(token: str) -> str:
    """Return the key in the ``task_state_store`` that vouches for a token."""
    return f"enel:cap:{hashlib.sha256(token.encode()).hexdigest()}"


def mint(task_state_store: TaskStateStore, try_number: int) -> str:
    """Make a token for this try of the task. Several may live side by side.

    :param task_state_store: from the task's context
    :param try_number: the present try
    """
    token = secrets.token_urlsafe(32)
    task_state_store.set(key_of(token), try_number)
    return token


def revoke(task_state_store: TaskStateStore, token: str) -> None:
    """Make a token worthless."""
    task_state_store.delete(key_of(token))
