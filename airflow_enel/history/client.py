"""History over HTTP, for tasks and triggers, which have no database.

Every request may be repeated harmlessly, so failures of the network and of the server are tried
again within a time limit; refusals never are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from json import loads
from typing import TypeVar
from urllib.parse import quote, urlencode

import httpx
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from airflow_enel.domain import (
    Component,
    PastRun,
    Run,
    RunOutcome,
    ScaleAnswer,
    Step,
    TaskStanding,
)
from airflow_enel.history import wire
from airflow_enel.history.base import (
    Application,
    DecisionRow,
    HistoryRefused,
    HistoryUnavailable,
    RunRow,
    UnknownRun,
)
from airflow_enel.history.capability import TASK_HEADER, TaskIdentity

T = TypeVar("T")


class CallerRefused(HistoryRefused):
    """It is not for this caller to ask: a later try has taken over, or its token is worthless."""


class _TryAgain(HistoryUnavailable):
    """Something that may have passed a moment later."""


class _TooMuch(HistoryUnavailable):
    """An answer that is too long, or that takes too long to come."""


class _NoAnswerInTime(_TooMuch):
    """Nothing came, be it that much was asked for or that the server was busy."""


_PASSING = (_TryAgain, _NoAnswerInTime)
_NOT_THIS_CALLER = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
_MAX_ANSWER_BYTES = 64 * 2**20
_MAX_MESSAGE_CHARACTERS = 500
_COMPONENTS_PER_REQUEST = 200
_FEW_RUNS = 3
"""With so many past runs at least a size can be compared with others; fewer are not worth it."""


class HttpHistory:
    """`History` through the plugin's REST API.

    :param base_url: address of the API server, see `location.api_url`
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
        self._put: Callable[[str, bytes], bytes | None] = self._put_and_insist

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> HttpHistory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spooled(self, keep: Callable[[str, bytes], None]) -> HttpHistory:
        """Return this history with its writes going elsewhere, to be sent later by `put`.

        :param keep: takes path and body of a request
        """
        twin = copy(self)
        twin._put = keep  # noqa: SLF001 - it is another of ours
        return twin

    def put(self, path: str, body: bytes) -> None:
        """Send a write that was spooled, once: whoever keeps it will try again.

        :raises CallerRefused: if somebody else may have to send it
        """
        self._once("PUT", path, body, time.monotonic() + self._timeout_s)

    def standing(self) -> TaskStanding:
        """Return how Airflow sees the task instance that asks."""
        return self._ask("GET", "/task", TaskStanding)

    def past_runs(self, dag_id: str, job_key: str, limit: int = 50) -> tuple[PastRun, ...]:
        """Return runs to learn from, oldest first.

        Runs of thousands of components may be too much for one answer, and few runs are better
        than none: the limit is halved, down to 3, as long as the answer is too long or does not
        come. Each of these requests has the time limits anew.
        """
        while True:
            query = urlencode({"dag_id": dag_id, "job_key": job_key, "limit": limit})
            try:
                return self._ask(
                    "GET", f"/past-runs?{query}", tuple[PastRun, ...], again=(_TryAgain,)
                )
            except _TooMuch:
                if limit <= _FEW_RUNS:
                    raise
            limit = max(limit // 2, _FEW_RUNS)

    def open_run(self, run: Run, agent_token: str | None) -> None:
        """Remember a run that is about to be submitted."""
        body = wire.encode(wire.OpenedRun, wire.OpenedRun(run, agent_token))
        self._put(_path(run.key.id), body)

    def save_agent(self, run_id: str, host: str, port: int) -> None:
        """Remember where the agent of a run listens."""
        body = wire.encode(wire.Address, wire.Address(host, port))
        self._put(_path(run_id, "agent"), body)

    def agent_of(self, run_id: str) -> tuple[str, int, str] | None:
        """Return host, port and token of a run's agent."""
        access = self._agent_access(run_id)
        if access is None or access.host is None or access.port is None:
            return None
        return access.host, access.port, access.token

    def token_of(self, run_id: str) -> str | None:
        """Return the token of a run's agent."""
        access = self._agent_access(run_id)
        return access.token if access else None

    def run(self, run_id: str) -> RunRow:
        """Return a run with its outcome so far."""
        return self._ask("GET", _path(run_id), RunRow)

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        """Return a decision and what came of it."""
        return self._ask("GET", _path(run_id, "decisions", epoch), DecisionRow)

    def application(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> Application:
        """Return the Spark application of a task instance."""
        task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        return self._ask("GET", f"/application?{urlencode(task)}", Application)

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        """Remember finished components and their stages."""
        for start in range(0, len(components), _COMPONENTS_PER_REQUEST):
            part = components[start : start + _COMPONENTS_PER_REQUEST]
            body = wire.encode(tuple[Component, ...], part)
            self._put(_path(run_id, "components"), body)

    def intend(self, run_id: str, step: Step) -> bool:
        """Record a decision, unless the run has one of this epoch.

        If an answer got lost on the way, the repetition may find the decision in its place and
        say False for it. The agent's own compare-and-set is what makes a request unique.
        Of a decision that is spooled nobody knows yet, so it counts as new.
        """
        path = _path(run_id, "decisions", step.decision.epoch)
        answer = self._put(path, wire.encode(wire.BriefStep, wire.brief(step)))
        return answer is None or _understood(wire.Intended, answer).new

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        """Record what came of a decision, None if nobody answered."""
        body = wire.encode(wire.MaybeAnswer, wire.MaybeAnswer(answer))
        self._put(_path(run_id, "decisions", epoch, "answer"), body)

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        """Record how a run goes or went."""
        self._put(_path(run_id, "outcome"), wire.encode(RunOutcome, outcome))

    def _agent_access(self, run_id: str) -> wire.AgentAccess | None:
        return self._ask("GET", _path(run_id, "agent"), wire.AgentAnswer).access

    def _ask(
        self,
        method: str,
        path: str,
        shape: type[T],
        again: tuple[type[HistoryUnavailable], ...] = _PASSING,
    ) -> T:
        return _understood(shape, self._send(method, path, again=again))

    def _put_and_insist(self, path: str, body: bytes) -> bytes:
        return self._send("PUT", path, body)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        again: tuple[type[HistoryUnavailable], ...] = _PASSING,
    ) -> bytes:
        deadline = time.monotonic() + self._total_s
        retrying = Retrying(
            stop=stop_before_delay(self._total_s),
            wait=wait_random_exponential(multiplier=0.2, max=3.0),
            retry=retry_if_exception_type(again),
            reraise=True,
        )
        return retrying(self._once, method, path, body, deadline)

    def _once(self, method: str, path: str, body: bytes | None, deadline: float) -> bytes:
        left_s = max(0.05, deadline - time.monotonic())
        try:
            with self._client.stream(
                method,
                path,
                content=body,
                headers={"Content-Type": "application/json"} if body else {},
                timeout=min(self._timeout_s, left_s),
            ) as response:
                answer = _read(response, deadline)
        except httpx.RequestError as error:
            slow = isinstance(error, httpx.ReadTimeout)  # others have not even been asked
            raise (_NoAnswerInTime if slow else _TryAgain)(
                f"no answer from {self._client.base_url.host}: {type(error).__name__}"
            ) from None
        if response.is_success:
            return answer
        raise _error(response.status_code, answer)


def _understood(shape: type[T], answer: bytes) -> T:
    try:
        return wire.decode(shape, answer)
    except wire.UnreadableJson as error:
        raise HistoryUnavailable(
            f"the API server's answer was not understood ({error}): does it run another "
            "version of airflow-enel?"
        ) from None


def _path(run_id: str, *rest: object) -> str:
    return "/".join(["/runs", quote(run_id, safe=""), *map(str, rest)])


def _read(response: httpx.Response, deadline: float) -> bytes:
    # httpx limits each read, not their sum: a server that drips would hold us for ever.
    answer = bytearray()
    for chunk in response.iter_bytes():
        answer += chunk
        if len(answer) > _MAX_ANSWER_BYTES:
            raise _TooMuch("the API server's answer is too long: ask for fewer runs")
        if time.monotonic() > deadline:
            raise _TooMuch("the API server's answer took too long")
    return bytes(answer)


def _error(status: int, answer: bytes) -> Exception:
    code, message = _detail(answer)
    if status == httpx.codes.GATEWAY_TIMEOUT:
        return _NoAnswerInTime(f"the API server answered {status}: {message}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return _TryAgain(f"the API server answered {status}: {message}")
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
