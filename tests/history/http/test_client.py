"""The HTTP client against servers that misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from airflow_enel.domain import Forecast, ModelUnusable, ScaleRequest, Step, TrainedModel
from airflow_enel.history import wire
from airflow_enel.history.http.api_url import api_url
from airflow_enel.history.http.capability import TaskIdentity, key_of, mint, revoke
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import (
    DecisionRow,
    DecisionStatus,
    HistoryRefused,
    HistoryUnavailable,
    UnknownRun,
)
from tests.support.builders import samples
from tests.support.fakes.tasks import StateStore

TASK = TaskIdentity("däg", "manual__2026-01-01T00:00:00+00:00", "group.task", 3, 2)


def history(handler: Callable[[httpx.Request], httpx.Response], total_s: float = 2.0) -> Any:
    transport = httpx.MockTransport(handler)
    return HttpHistory(
        Requests(
            "https://airflow.example/base/", "t0ken", TASK, total_s=total_s, transport=transport
        )
    )


def answers(*responses: httpx.Response | Exception) -> tuple[Callable[..., Any], list[Any]]:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        response = responses[min(len(requests), len(responses)) - 1]
        if isinstance(response, Exception):
            raise response
        return response

    return handler, requests


def test_a_model_is_fetched_once_as_long_as_it_is_the_newest() -> None:
    one = TrainedModel.sealed("m-1", "fetched", 1, "{}", b"one", 0.0)
    two = TrainedModel.sealed("m-2", "fetched", 1, "{}", b"two", 0.0)
    bodies = [wire.encode(wire.MaybeModel, wire.MaybeModel(model)) for model in (one, two)]
    handler, requests = answers(
        httpx.Response(200, content=bodies[0]),
        httpx.Response(304),
        httpx.Response(200, content=bodies[1]),
    )
    # Each by a client of its own, as pokes of a sensor have one.
    assert [history(handler).latest_model("fetched") for _ in range(3)] == [one, one, two]
    seen = [request.headers.get("If-None-Match") for request in requests]
    assert seen == [None, f'"{one.sha256}"', f'"{one.sha256}"']


def test_a_model_that_was_changed_on_its_way_is_unusable() -> None:
    one = TrainedModel.sealed("m-1", "changed", 1, "{}", b"one", 0.0)
    body = wire.encode(wire.MaybeModel, wire.MaybeModel(replace(one, weights=b"two")))
    handler, _ = answers(httpx.Response(200, content=body))
    with pytest.raises(ModelUnusable, match="corrupt"):
        history(handler).latest_model("changed")


def test_an_answer_that_nothing_has_changed_is_none_to_who_has_nothing() -> None:
    handler, _ = answers(httpx.Response(304))
    with pytest.raises(HistoryRefused):
        history(handler).latest_model("never fetched")


def test_requests_carry_token_and_task_and_go_below_the_base() -> None:
    handler, requests = answers(httpx.Response(200, json=[]))
    history(handler).past_runs("däg", "a/b&c", 7)
    (request,) = requests
    assert request.url.path == "/base/enel/api/v1/past-runs"
    assert dict(request.url.params) == {"dag_id": "däg", "job_key": "a/b&c", "limit": "7"}
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert TaskIdentity.from_header(request.headers["X-Enel-Task"]) == TASK


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(503), httpx.Response(500), httpx.Response(429), httpx.ConnectError("away")],
)
def test_passing_trouble_is_tried_again(trouble: Any) -> None:
    handler, requests = answers(trouble, httpx.Response(200, json=[]))
    assert history(handler).past_runs("d", "j") == ()
    assert len(requests) == 2


@pytest.mark.parametrize(
    "ask", [lambda h: h.switches("r"), lambda h: h.warn_of_miss("r", 1.0)], ids=["switches", "miss"]
)
def test_what_a_run_does_not_wait_for_is_asked_once(ask: Callable[[Any], object]) -> None:
    handler, requests = answers(httpx.Response(503))
    with pytest.raises(HistoryUnavailable):
        ask(history(handler))
    assert len(requests) == 1


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.ReadTimeout("slow")])
def test_lasting_trouble_ends_within_the_time_limit(trouble: Any) -> None:
    handler, requests = answers(trouble)
    begin = time.monotonic()
    with pytest.raises(HistoryUnavailable):
        history(handler, total_s=0.7).agent_of("r")
    assert time.monotonic() - begin < 1.0
    assert len(requests) >= 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_told_at_once(status: int) -> None:
    handler, requests = answers(httpx.Response(status, json={"detail": "do this"}))
    with pytest.raises(HistoryRefused, match=r"do this|api_url") as caught:
        history(handler).finish_run("r", samples.outcome())
    assert len(requests) == 1
    assert not isinstance(caught.value, UnknownRun)


def test_a_server_without_the_plugin_is_not_an_unknown_run() -> None:
    handler, _ = answers(httpx.Response(404, json={"detail": "Not Found"}))
    with pytest.raises(HistoryRefused, match="api_url"):
        history(handler).agent_of("r")


def test_a_redirect_is_not_followed_so_the_token_goes_nowhere_else() -> None:
    handler, requests = answers(
        httpx.Response(307, headers={"Location": "https://elsewhere.example/"})
    )
    with pytest.raises(HistoryRefused, match="api_url"):
        history(handler).past_runs("d", "j")
    assert len(requests) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'[{"run_id": "a"}]', b"[NaN]", b"[" * 100_000]
)
def test_an_answer_that_is_not_understood_is_unavailable(body: bytes) -> None:
    handler, requests = answers(httpx.Response(200, content=body))
    with pytest.raises(HistoryUnavailable, match="not understood"):
        history(handler).past_runs("d", "j")
    assert len(requests) == 1


def endless(pause_s: float, piece: bytes) -> Iterator[bytes]:
    while True:
        time.sleep(pause_s)
        yield piece


def test_an_endless_answer_is_cut_off() -> None:
    handler, requests = answers(httpx.Response(200, content=endless(0, b" " * 2**22)))
    with pytest.raises(HistoryUnavailable, match="too long"):
        history(handler).agent_of("r")
    assert len(requests) == 1


def test_a_dripping_answer_is_cut_off() -> None:
    handler, _ = answers(httpx.Response(200, content=endless(0.05, b" ")))
    begin = time.monotonic()
    with pytest.raises(HistoryUnavailable, match="too long"):
        history(handler, total_s=0.3).agent_of("r")
    assert time.monotonic() - begin < 1.0


def test_errors_never_tell_the_token() -> None:
    for trouble in (httpx.Response(403), httpx.ConnectError("away"), httpx.Response(500)):
        handler, _ = answers(trouble)
        with pytest.raises((HistoryRefused, HistoryUnavailable)) as caught:
            history(handler, total_s=0.1).past_runs("d", "j")
        assert "t0ken" not in repr(caught.value)
    assert "t0ken" not in repr(history(handler))


def late_step(epoch: int) -> Step:
    """A decision after so many components and as many requests, with gaps on the way."""
    made = samples.step(epoch)
    finished = tuple(samples.component(2 * n if n < 9 else n + 9) for n in range(epoch))
    requests = tuple(ScaleRequest(4, 1, n, samples.NOON + n) for n in range(1, epoch))
    sizes = tuple(range(1, 65))
    forecast = Forecast("ellis", sizes, (123.456789012345,) * 64, (0.123456789012345,) * 64)
    progress = replace(made.progress, finished=finished, requests=requests, running=finished[-1])
    return replace(made, progress=progress, forecast=forecast)


def test_a_decision_stays_small_however_late_it_comes() -> None:
    handler, requests = answers(httpx.Response(200, json={"new": True}))
    assert history(handler).intend("r", late_step(5_000))
    assert len(requests[0].content) < 10_000


@pytest.mark.parametrize("positions", [(), (0,), (7,), (0, 1, 2), (0, 2, 3, 4, 9), (5, 4)])
def test_positions_come_back_from_their_spans(positions: tuple[int, ...]) -> None:
    made = samples.step()
    finished = tuple(map(samples.component, positions))
    brief = wire.brief(replace(made, progress=replace(made.progress, finished=finished)))
    row = DecisionRow(brief.step, brief.finished, DecisionStatus.INTENDED, None)
    assert row.finished == tuple(sorted(positions))


TOO_MUCH = {
    "endless": lambda: httpx.Response(200, content=endless(0, b" " * 2**24)),
    "dripping": lambda: httpx.Response(200, content=endless(0.05, b" ")),
    "silent": lambda: httpx.ReadTimeout("slow"),
    "gateway": lambda: httpx.Response(504),
}


def limits(requests: list[Any]) -> list[int]:
    return [int(request.url.params["limit"]) for request in requests]


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_fewer_past_runs_are_asked_for_when_the_answer_is_too_much(kind: str) -> None:
    handler, requests = answers(TOO_MUCH[kind](), TOO_MUCH[kind](), httpx.Response(200, json=[]))
    assert history(handler, total_s=0.2).past_runs("d", "j") == ()
    assert limits(requests) == [50, 25, 12]


def test_it_ends_with_a_few_past_runs() -> None:
    handler, requests = answers(httpx.ReadTimeout("slow"))
    with pytest.raises(HistoryUnavailable):
        history(handler).past_runs("d", "j")
    assert limits(requests) == [50, 25, 12, 6, 3]


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.ConnectTimeout("away")])
def test_a_server_that_is_away_is_not_asked_for_fewer_past_runs(trouble: Any) -> None:
    handler, requests = answers(trouble, httpx.Response(200, json=[]))
    history(handler).past_runs("d", "j")
    assert limits(requests) == [50, 50]


def test_other_requests_are_repeated_as_they_are_when_no_answer_came() -> None:
    handler, requests = answers(httpx.ReadTimeout("slow"), httpx.Response(204))
    history(handler).finish_run("r", samples.outcome())
    assert len(requests) == 2


def test_a_minted_token_leaves_only_its_hash_behind() -> None:
    store = StateStore()
    token, other = mint(store, 3), mint(store, 3)
    assert token != other
    assert store == {key_of(token): 3, key_of(other): 3}
    assert token not in str(store)
    revoke(store, token)
    assert list(store) == [key_of(other)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "[]", "%5B1%5D"),
        *('["d","r","t","-1",1]', '["d","r","t",-1,1,2]', '["","r","t",-1,1]'),
        *('["d","r","t",-2,1]', '["d\\u0000","r","t",-1,1]', '["d","r","t",-1,true]'),
    ],
)
def test_a_header_that_names_no_task_instance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="X-Enel-Task"):
        TaskIdentity.from_header(text)


@pytest.mark.parametrize(
    ("enel", "execution", "base", "expected"),
    [
        ("https://a/", "http://b/execution/", "http://c", "https://a"),
        ("", "http://b:8080/execution/", "http://c", "http://b:8080"),
        ("", "http://b/af/execution", "http://c", "http://b/af"),
        ("", "", "http://c/af/", "http://c/af"),
        ("", "", "", "http://localhost:8080"),
    ],
)
def test_the_api_server_is_where_the_first_setting_says(
    monkeypatch: pytest.MonkeyPatch, enel: str, execution: str, base: str, expected: str
) -> None:
    monkeypatch.setenv("AIRFLOW__ENEL__API_URL", enel)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", execution)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert api_url() == expected


@pytest.mark.parametrize("wrong", ["ftp://a", "airflow.example", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("AIRFLOW__ENEL__API_URL", wrong)
    with pytest.raises(ValueError, match="api_url"):
        api_url()
