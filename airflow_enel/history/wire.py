"""Bodies of the REST API: domain dataclasses to JSON and back, with strict validation.

What cannot be read back is not written: both implementations of history send their values
through here, so that NaN, unknown fields and wrong types are refused at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar, cast
from urllib.parse import quote

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from airflow_enel.domain import (
    NO_CONTEXT,
    AgentAccess,
    AgentAddress,
    Run,
    ScaleAnswer,
    Step,
    TrainedModel,
)
from airflow_enel.domain.wire import STRICT
from airflow_enel.history.interface import HistoryRefused

T = TypeVar("T")

PREFIX = "/enel/api/v1"
"""Where the REST API stands below the API server's address."""

UNKNOWN_RUN = "unknown_run"
"""The code of a 404 that comes from us, not from a server without the plugin."""

_SHOWN_ERRORS = 5
_LAST_POSITION = 2**31 - 1
_MOST_POSITIONS = 1_000_000  # what a page can hold in memory


class UnreadableJson(HistoryRefused):
    """JSON that is none of what was expected; the message names the wrong fields."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """Body of a request that opens a run."""

    __pydantic_config__: ClassVar = STRICT

    run: Run
    agent_token: Annotated[str, Field(min_length=1, max_length=1000)] | None


@dataclass(frozen=True, slots=True)
class Address:
    """Body of a request that saves where an agent listens."""

    __pydantic_config__: ClassVar = STRICT

    host: Annotated[str, Field(min_length=1, max_length=255)]
    port: Annotated[int, Field(ge=1, le=65535)]

    @classmethod
    def of(cls, address: AgentAddress) -> Address:
        """Return the body for an address, which may be an impossible one."""
        return cls(address.host, address.port)

    def value(self) -> AgentAddress:
        """Return the address."""
        return AgentAddress(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Access:
    """Part of an `AgentAnswer`; host and port are None until the agent is up."""

    __pydantic_config__: ClassVar = STRICT

    host: str | None
    port: int | None
    token: str

    def __repr__(self) -> str:
        return f"Access(host={self.host!r}, port={self.port})"

    @classmethod
    def of(cls, access: AgentAccess) -> Access:
        """Return the part of an answer for an access."""
        address = access.address
        host, port = (None, None) if address is None else (address.host, address.port)
        return cls(host, port, access.token)

    def value(self) -> AgentAccess:
        """Return the access."""
        if self.host is None or self.port is None:
            return AgentAccess(self.token, None)
        return AgentAccess(self.token, AgentAddress(self.host, self.port))


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """Answer to the question for a run's agent."""

    __pydantic_config__: ClassVar = STRICT

    access: Access | None


@dataclass(frozen=True, slots=True)
class MaybeAnswer:
    """The agent's answer to a request, None if there was none."""

    __pydantic_config__: ClassVar = STRICT

    answer: ScaleAnswer | None


@dataclass(frozen=True, slots=True)
class Intended:
    """Answer to a decision: whether it was new."""

    __pydantic_config__: ClassVar = STRICT

    new: bool


@dataclass(frozen=True, slots=True)
class MissWarned:
    """Body of a warning: when people are told that a run will miss its target."""

    __pydantic_config__: ClassVar = STRICT

    at: float


@dataclass(frozen=True, slots=True)
class FirstWarning:
    """Answer to a warning: whether nobody was told before."""

    __pydantic_config__: ClassVar = STRICT

    first: bool


@dataclass(frozen=True, slots=True)
class MaybeModel:
    """Answer to the question for a model."""

    __pydantic_config__: ClassVar = STRICT

    model: TrainedModel | None


@dataclass(frozen=True, slots=True)
class BriefStep:
    """Body of a decision: a step without what has records of its own, so that it stays small.

    :param step: its progress has neither finished components, nor requests, nor a context
    :param finished: first and last positions of unbroken sequences of finished components
    :raises ValueError: if the step is not brief, or the positions do not ascend
    """

    __pydantic_config__: ClassVar = STRICT

    step: Step
    finished: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        progress = self.step.progress
        if progress.finished or progress.requests or progress.context:
            raise ValueError("components, requests and context are not sent with a decision")
        flat = [position for span in self.finished for position in span]
        if flat != sorted(flat) or not all(0 <= p <= _LAST_POSITION for p in flat):
            raise ValueError(f"positions must ascend from 0 to {_LAST_POSITION} at most")
        if sum(last - first + 1 for first, last in self.finished) > _MOST_POSITIONS:
            raise ValueError(f"more than {_MOST_POSITIONS} components")


def run_path(run_id: str, *rest: object) -> str:
    """Return the path of a run, or of something that belongs to it, below `PREFIX`."""
    return "/".join(["/runs", quote(run_id, safe=""), *map(str, rest)])


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    """Return the validator of a dataclass, a tuple of them, or a union with None."""
    return TypeAdapter(shape)


def encode(shape: Any, value: object) -> bytes:
    """Return a value as JSON.

    :raises HistoryRefused: if it cannot be written as JSON
    """
    try:
        return adapter(shape).dump_json(value, warnings=False)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise HistoryRefused(f"not to be written as JSON: {error}") from None


def decode(shape: type[T], body: bytes) -> T:
    """Return a value from JSON.

    :raises UnreadableJson: with the path of each wrong field; never with what was in it
    """
    try:
        value: T = adapter(cast(Any, shape)).validate_json(body)
    except ValidationError as error:
        raise UnreadableJson(_explain(error)) from None
    return value


def checked(shape: type[T], value: T) -> T:
    """Return a value as it will be read back; raise `HistoryRefused` if it could not be."""
    return decode(shape, encode(shape, value))


def brief(step: Step) -> BriefStep:
    """Return a step without what has records of its own, but with positions of components."""
    spans: list[tuple[int, int]] = []
    for position in sorted({c.position for c in step.progress.finished}):
        if spans and spans[-1][1] == position - 1:
            spans[-1] = (spans[-1][0], position)
        else:
            spans.append((position, position))
    progress = replace(step.progress, finished=(), requests=(), context=NO_CONTEXT)
    return BriefStep(replace(step, progress=progress), tuple(spans))


def _explain(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [
        f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in errors[:_SHOWN_ERRORS]
    ]
    if len(errors) > _SHOWN_ERRORS:
        lines.append(f"and {len(errors) - _SHOWN_ERRORS} more")
    return "; ".join(lines)
