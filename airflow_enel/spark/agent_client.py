"""HTTP client of the agent in the Spark driver.

Everything that arrives is checked before it is used: size, JSON, types, finite numbers. Requests
to scale are compare-and-set on (try, epoch), so that repeating one after a lost answer is safe.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from airflow_enel.domain import AgentAddress, ScaleAnswer

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_TOTAL_S: Final = 10.0  # httpx limits each read, not their sum
_MAX_MS = 1e14  # the year 5138: anything later is not a time

Milliseconds = Annotated[float, Field(gt=0, lt=_MAX_MS)]


class AgentError(Exception):
    """The agent could not be asked, or its answer could not be used."""


class AgentUnreachable(AgentError):
    """No answer: the driver is busy, gone, or cut off. Unknown is not dead."""


class AgentRefused(AgentError):
    """The agent does not accept our token."""


class AgentAnswerInvalid(AgentError):
    """The answer is not one of this protocol, or not of this application."""


class _Wire(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore", frozen=True)


class SequencedEvent(_Wire):
    """One event with its number in the agent's stream, counted from 1."""

    seq: Annotated[int, Field(ge=1)]
    event: dict[str, Any]


class EventPage(_Wire):
    """Events after a number; ``first`` is the oldest that the agent still holds."""

    protocol: Annotated[int, Field(ge=1, le=1)]  # Literal[1] would take true for 1
    app_id: str | None
    now_ms: Milliseconds
    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    more: bool
    ended: bool
    events: list[SequencedEvent]


class _ScaleBody(_Wire):
    accepted: bool
    executors: Annotated[int, Field(ge=0)]
    message: str = ""


class AgentClient:
    """Talks to one agent.

    :param address: where it listens
    :param token: the secret whose SHA-256 is in Spark's configuration
    :param transport: another transport than the network, for tests
    """

    def __init__(
        self,
        address: AgentAddress,
        token: str,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=f"http://{address.host}:{address.port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # the token must not pass through a proxy
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def events(self, after: int) -> EventPage:
        """Events with a number above ``after``.

        :raises AgentError: see its subclasses
        """
        status, body = self._call("GET", "/v1/events", params={"after": after})
        if status != httpx.codes.OK:
            raise AgentUnreachable(f"the agent answered {status} to a request for events")
        return parse_page(body)

    @retry(
        retry=retry_if_exception_type(AgentUnreachable),
        stop=stop_after_attempt(3),
        wait=wait_random(0.1, 0.5),
        reraise=True,
    )
    def scale(self, executors: int, try_number: int, epoch: int) -> ScaleAnswer:
        """Ask for a number of executors, exactly once per (try, epoch).

        :raises AgentError: if it is not known whether the agent accepted
        """
        request = {"executors": executors, "try_number": try_number, "epoch": epoch}
        status, body = self._call("POST", "/v1/scale", json=request)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise AgentUnreachable(f"the agent cannot scale now (HTTP {status})")
        try:
            answer = _ScaleBody.model_validate_json(body)
        except ValidationError as error:
            if status < httpx.codes.BAD_REQUEST:
                raise AgentAnswerInvalid(_first_problem(error)) from error
            return ScaleAnswer(False, 0, f"refused with HTTP {status}")
        accepted = answer.accepted and status == httpx.codes.OK
        return ScaleAnswer(accepted, answer.executors, answer.message)

    def end(self, try_number: int) -> None:
        """Ask the driver to end itself, from where its process cannot be signalled.

        :raises AgentError: if it is not known whether it will
        """
        status, _ = self._call("POST", "/v1/end", params={"try_number": try_number})
        if status != httpx.codes.OK:
            raise AgentUnreachable(f"the agent answered {status} to the request to end the driver")

    def _call(self, method: str, path: str, **arguments: Any) -> tuple[int, bytes]:
        deadline = time.monotonic() + _TOTAL_S
        try:
            with self._client.stream(method, path, **arguments) as response:
                if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                    raise AgentRefused("the agent does not accept this run's token")
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise AgentAnswerInvalid("the agent's answer is larger than 16 MiB")
                    if time.monotonic() > deadline:
                        raise AgentUnreachable("the agent's answer did not come to an end in time")
                return response.status_code, bytes(body)
        except httpx.HTTPError as error:
            raise AgentUnreachable(f"{type(error).__name__}: {error}") from error


def parse_page(body: bytes) -> EventPage:
    """Check a page of events, from an answer or from the file of the final state.

    :raises AgentAnswerInvalid: names the first field that is wrong
    """
    try:
        return EventPage.model_validate_json(body)
    except ValidationError as error:
        raise AgentAnswerInvalid(_first_problem(error)) from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "body"
    return f"the agent's answer cannot be used: {where}: {problem['msg']}"
