"""What the client of the agent makes of good, bad and hostile answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import AgentAddress
from airflow_enel.spark.agent_client import (
    AgentAnswerInvalid,
    AgentClient,
    AgentError,
    AgentRefused,
    AgentUnreachable,
)
from airflow_enel.spark.agent_reader import AgentReader
from tests.support.builders import spark_events as e

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> AgentClient:
    return AgentClient(AgentAddress("127.0.0.1", 1), "secret", httpx.MockTransport(handler))


def page(events: list[dict[str, Any]], first: int = 1, **changes: Any) -> dict[str, Any]:
    numbered = [{"seq": first + index, "event": event} for index, event in enumerate(events)]
    return {
        "protocol": 1,
        "app_id": "app-1",
        "now_ms": 50_000,
        "first": 1,
        "last": first + len(events) - 1,
        "more": False,
        "ended": False,
        "events": numbered,
        **changes,
    }


def answering(*bodies: Any) -> Handler:
    """Answers one body after the other, the last one for ever."""
    left = list(bodies)

    def handle(_: httpx.Request) -> httpx.Response:
        body = left.pop(0) if len(left) > 1 else left[0]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(200, content=content)

    return handle


def test_a_reading_takes_all_pages_and_the_next_one_goes_on_from_there() -> None:
    run = e.simple_run(components=3)
    asked: list[int] = []

    def agent(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        asked.append(after)
        part = run[after : after + 5]
        body = page(part, first=after + 1, more=after + 5 < len(run))
        return httpx.Response(200, json=body)

    application = AgentReader()
    assert len(application.read(client(agent)).finished_components) == 3
    application.read(client(agent))
    assert asked == [0, 5, 10, 15, len(run)]


def test_the_token_goes_into_a_header_and_nowhere_else() -> None:
    seen: list[httpx.Request] = []

    def agent(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=page([]))

    client(agent).events(0)
    assert seen[0].headers["Authorization"] == "Bearer secret"
    assert "secret" not in str(seen[0].url)


def test_pages_that_come_twice_or_overlap_change_nothing() -> None:
    run = e.simple_run(components=2)
    application = AgentReader()
    once = application.read(client(answering(page(run))))
    again = application.read(client(answering(page(run), page(run[3:], first=4))))
    assert again == once


def test_a_gap_in_the_numbers_marks_the_snapshot_as_incomplete() -> None:
    run = e.simple_run(components=2)
    application = AgentReader()
    application.read(client(answering(page(run[:3]))))
    assert not application.read(client(answering(page(run[5:], first=6)))).complete


def test_an_agent_of_another_application_is_not_believed() -> None:
    application = AgentReader()
    before = application.read(client(answering(page(e.simple_run()[:4]))))
    with pytest.raises(AgentAnswerInvalid, match="another application, app-2"):
        application.read(client(answering(page(e.simple_run(), app_id="app-2"))))
    assert application.last == before


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b'{"protocol": 1, "app_id"', "body"),
        (b"", "body"),
        (b"[]", "body"),
        (page([], protocol=2), "protocol"),
        (page([], now_ms="late"), "now_ms"),
        (page([], now_ms=float("nan")), "now_ms"),
        (page([], now_ms=float("inf")), "now_ms"),
        (page([], now_ms=1e300), "now_ms"),
        ({**page([]), "events": [{"seq": 1.5, "event": {}}]}, "events.0.seq"),
        ({**page([]), "events": [{"seq": 1}]}, "events.0.event"),
        ({**page([]), "events": ["event"]}, "events.0"),
        (page([], more="yes"), "more"),
    ],
)
def test_a_bad_answer_names_the_field_and_changes_nothing(body: Any, where: str) -> None:
    application = AgentReader()
    with pytest.raises(AgentAnswerInvalid, match=rf"used: {where}: "):
        application.read(client(answering(body)))
    assert application.last is None


def test_an_answer_without_end_is_cut_off() -> None:
    def agent(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(b" " * 1_000_000 for _ in range(10_000)))

    with pytest.raises(AgentAnswerInvalid, match="larger than 16 MiB"):
        client(agent).events(0)


def test_an_agent_that_always_has_more_does_not_hold_the_reader_for_ever() -> None:
    calls = 0

    def agent(_: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        return httpx.Response(200, json=page([], more=True))

    with pytest.raises(AgentUnreachable, match="did not come to an end"):
        AgentReader().read(client(agent))
    assert calls == 1000


def test_an_agent_that_drips_its_answer_does_not_hold_the_reader_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))

    def agent(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(b" " for _ in range(10_000)))

    with pytest.raises(AgentUnreachable, match="did not come to an end"):
        client(agent).events(0)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_an_agent_sends_either_reads_or_is_an_agent_error(body: bytes) -> None:
    application = AgentReader()
    try:
        application.read(client(answering(body)))
    except AgentError:
        assert application.last is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_told_apart_from_an_agent_that_is_away(status: int) -> None:
    with pytest.raises(AgentRefused, match="token"):
        client(lambda _: httpx.Response(status)).events(0)


def test_an_accepted_request_says_what_is_registered() -> None:
    answer = client(
        answering({"accepted": True, "executors": 3, "now_ms": 1, "message": ""})
    ).scale(5, 1, 2)
    assert (answer.accepted, answer.executors) == (True, 3)


def test_a_refused_request_says_why() -> None:
    def agent(_: httpx.Request) -> httpx.Response:
        body = {"accepted": False, "executors": 3, "message": "try 1 is older than try 2"}
        return httpx.Response(409, json=body)

    answer = client(agent).scale(5, 1, 2)
    assert (answer.accepted, answer.message) == (False, "try 1 is older than try 2")


def test_a_request_whose_answer_was_lost_is_repeated_with_the_same_epoch() -> None:
    bodies: list[Any] = []

    def agent(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        if len(bodies) == 1:
            raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(200, json={"accepted": True, "executors": 2, "message": ""})

    assert client(agent).scale(5, 1, 2).accepted
    assert bodies == [{"executors": 5, "try_number": 1, "epoch": 2}] * 2


def test_a_driver_that_does_not_answer_is_unreachable_not_dead() -> None:
    def agent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(AgentUnreachable):
        client(agent).scale(5, 1, 2)
