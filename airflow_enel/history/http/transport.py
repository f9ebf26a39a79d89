"""HTTP requests to the REST API with timeouts, retries and errors of the history.

Every request may be repeated harmlessly, so failures of the network and of the server are tried
again within a time limit; refusals never are.
"""

from __future__ import annotations

import time
from json import loads
from typing import Final, TypeVar

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from airflow_enel.history import wire
from airflow_enel.history.http.capability import TASK_HEADER, TaskIdentity
from airflow_enel.history.interface import (
    HistoryRefused,
    HistoryUnavailable,
    UnknownRun,
)

T = TypeVar("T")


class CallerRefused(HistoryRefused):
    """It is not for this caller to ask: a later try has taken over, or its token is worthless."""


class TryAgain(HistoryUnavailable):
    """Something that may have passed a moment later."""


class TooMuch(HistoryUnavailable):
    """An answer that is too long, or that takes too long to come."""


class NoAnswerInTime(TooMuch):
    """Nothing came, be it that much was asked for or that the server was busy."""


Again = tuple[type[HistoryUnavailable], ...]

PASSING: Final[Again] = (TryAgain, NoAnswerInTime)
_NOT_THIS_CALLER: Final = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_MAX_ANSWER_BYTES: Final = 64 * 2**20
_MAX_MESSAGE_CHARACTERS: Final = 500


class Requests:
    """Sends requests as one task instance.

    :param base_url: address of the API server, see `api_url.api_url`
    :param token: from `capability.mint`
    :param task: the task instance that minted it
    :param total_s: after so many seconds of tries `HistoryUnavailable` is raised
    :param timeout_s: seconds without an answer after which one try is given up
    :param transport: replaces the network, for tests
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        task: TaskIdentity,
        *,
        total_s: float = 10.0,
        timeout_s: float = 5.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._total_s = total_s
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            base_url=base_url.rstrip("/") + wire.PREFIX,
            headers={"Authorization": f"Bearer {token}", TASK_HEADER: task.header()},
            follow_redirects=False,  # the token goes nowhere else
            transport=transport,
        )

    @property
    def address(self) -> str:
        """Where the requests go."""
        return str(self._client.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, path: str, shape: type[T], again: Again = PASSING) -> T:
        """Get a value."""
        return understood(shape, self.send("GET", path, again=again))

    def ask_unless(self, etag: str | None, path: str, shape: type[T]) -> T | None:
        """Get a value, None if it is still the one that this ETag stands for."""
        answer = self.send("GET", path, etag=etag)
        return understood(shape, answer) if answer else None

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        again: Again = PASSING,
        etag: str | None = None,
    ) -> bytes:
        """Send a request until it is answered; return the answer's body."""
        deadline = time.monotonic() + self._total_s
        retrying = Retrying(
            stop=stop_before_delay(self._total_s),
            wait=wait_random_exponential(multiplier=0.2, max=3.0),
            retry=retry_if_exception_type(again),
            reraise=True,
        )
        return retrying(self._once, method, path, body, deadline, etag)

    def send_once(self, method: str, path: str, body: bytes) -> bytes:
        """Send a request and do not repeat it."""
        return self._once(method, path, body, time.monotonic() + self._timeout_s)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        deadline: float,
        etag: str | None = None,
    ) -> bytes:
        left_s = max(0.05, deadline - time.monotonic())
        headers = {"Content-Type": "application/json"} if body else {}
        if etag is not None:
            headers["If-None-Match"] = f'"{etag}"'
        try:
            with self._client.stream(
                method,
                path,
                content=body,
                headers=headers,
                timeout=min(self._timeout_s, left_s),
            ) as response:
                answer = _read(response, deadline)
        except httpx.RequestError as error:
            slow = isinstance(error, httpx.ReadTimeout)  # others have not even been asked
            raise (NoAnswerInTime if slow else TryAgain)(
                f"no answer from {self._client.base_url.host}: {type(error).__name__}"
            ) from None
        if response.is_success:
            return answer
        if etag is not None and response.status_code == httpx.codes.NOT_MODIFIED:
            return b""
        raise _error(response.status_code, answer)


def understood(shape: type[T], answer: bytes) -> T:
    """Read an answer.

    :raises HistoryUnavailable: if it is none of ours
    """
    try:
        return wire.decode(shape, answer)
    except wire.UnreadableJson as error:
        raise HistoryUnavailable(
            f"the API server's answer was not understood ({error}): does it run another "
            "version of airflow-enel?"
        ) from None


def _read(response: httpx.Response, deadline: float) -> bytes:
    # httpx limits each read, not their sum: a server that drips would hold us for ever.
    answer = bytearray()
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) > _MAX_ANSWER_BYTES:
            raise TooMuch("the API server's answer is too long: ask for fewer runs")
        if time.monotonic() > deadline:
            raise TooMuch("the API server's answer took too long")
    return bytes(answer)


def _error(status: int, answer: bytes) -> Exception:
    code, message = _detail(answer)
    if status == httpx.codes.GATEWAY_TIMEOUT:
        return NoAnswerInTime(f"the API server answered {status}: {message}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return TryAgain(f"the API server answered {status}: {message}")
    if code == wire.UNKNOWN_RUN:
        return UnknownRun(message)
    if status == httpx.codes.NOT_FOUND or status < httpx.codes.BAD_REQUEST:
        return HistoryRefused(
            f"there is no airflow-enel plugin at this address ({status}): set [enel] api_url to "
            "the API server that serves the UI"
        )
    refused = CallerRefused if status in _NOT_THIS_CALLER else HistoryRefused
    return refused(f"{status}: {message}")


def _detail(answer: bytes) -> tuple[str, str]:
    try:
        body = loads(answer)
        code, message = body.get("code", ""), body["detail"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", "without an explanation"
    return str(code), str(message)[:_MAX_MESSAGE_CHARACTERS]
