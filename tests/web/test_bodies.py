# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Whatever is sent, the answer is a clear refusal and never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_enel.domain import Component, RunOutcome, ScaleAnswer
from airflow_enel.history import wire
from airflow_enel.web.request_body import MAX_BODY_BYTES
from tests.support.builders import samples


def plain(shape: Any, value: object) -> Any:
    return json.loads(wire.encode(shape, value))


def changed(value: Any, path: str, new: Any) -> bytes:
    """JSON of a value with one field replaced; NaN and infinity stay as they are."""
    *above, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    inner = value
    for step in above:
        inner = inner[step]
    inner[last] = new
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("0.added_s", float("nan")),
        ("0.started_at", float("inf")),
        ("0.started_at", "2026-01-01"),
        ("0.position", 1.5),
        ("0.position", "1"),
        ("0.position", True),
        ("0.disturbed", 1),
        ("0.scale_out.start", None),
        ("0.stages.0.metrics.gc_s", float("-inf")),
        ("0.stages.0.parents", {"a": 1}),
        ("0.stages.0.surprise", 1),
        ("0.surprise", "x"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(task: Any, path: str, new: Any) -> None:
    body = changed(plain(tuple[Component, ...], (samples.component(),)), path, new)
    answer = task.put(f"{task.path}/components", body)
    assert answer.status_code == 422
    assert path in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{", b"[[", b'[{"position": 0', b"\xff\xfe", b"[" * 200_000, b"0", b'"x"'],
    ids=lambda body: repr(body[:8]),
)
def test_a_body_that_is_no_list_of_components_is_422(task: Any, body: bytes) -> None:
    assert task.put(f"{task.path}/components", body).status_code == 422


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("run.bounds.minimum", 0),
        ("run.bounds.maximum", -1),
        ("run.key.surprise", 1),
        ("run.submitted_at", 1e300),
        ("agent_token", ""),
        ("agent_token", 7),
    ],
)
def test_an_impossible_run_is_422(task: Any, path: str, new: Any) -> None:
    body = changed(plain(wire.OpenedRun, wire.OpenedRun(task.run, "t")), path, new)
    assert task.put(task.path, body).status_code == 422


def test_a_wrong_body_never_comes_back_with_its_secrets(task: Any) -> None:
    body = plain(wire.OpenedRun, wire.OpenedRun(task.run, "agent-secret"))
    body["run"]["policy"] = 1
    answer = task.put(task.path, json.dumps(body).encode())
    assert answer.status_code == 422
    assert "run.policy" in answer.text
    assert "agent-secret" not in answer.text


def test_an_impossible_forecast_is_422_and_stores_nothing(task: Any) -> None:
    body = plain(wire.BriefStep, wire.brief(samples.step()))
    body["step"]["forecast"] = {
        "forecaster": "f",
        "executors": [2, 1],
        "median_s": [1],
        "log_sd": [],
    }
    answer = task.put(f"{task.path}/decisions/1", json.dumps(body).encode())
    assert answer.status_code == 422
    assert "forecast" in answer.text
    good = wire.encode(wire.BriefStep, wire.brief(samples.step()))
    assert task.put(f"{task.path}/decisions/1", good).json() == {"new": True}


COMPONENT = plain(tuple[Component, ...], (samples.component(),))[0]


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("step.progress.finished", [COMPONENT]),
        (
            "step.progress.requests",
            [{"executors": 1, "try_number": 1, "epoch": 1, "requested_at": 1.0}],
        ),
        *[
            ("finished", spans)
            for spans in ([[1]], [[2, 1]], [[3, 4], [1, 2]], [[-1, 1]], [[0, 2**31]], [["0", 1]])
        ],
        ("finished", [[0, 2**31 - 1]]),
    ],
)
def test_a_decision_with_more_than_it_needs_is_422(task: Any, path: str, new: Any) -> None:
    body = changed(plain(wire.BriefStep, wire.brief(samples.step())), path, new)
    assert task.put(f"{task.path}/decisions/1", body).status_code == 422


@pytest.mark.parametrize("epoch", ["2", "x", "1.5", "9" * 40, "-1"])
def test_the_epoch_of_path_and_body_must_agree(task: Any, epoch: str) -> None:
    body = wire.encode(wire.BriefStep, wire.brief(samples.step(1)))
    assert task.put(f"{task.path}/decisions/{epoch}", body).status_code == 422


@pytest.mark.parametrize("epoch", ["x", "1.5", "9" * 40, "-1", str(2**31), "%00", "1%2f2"])
def test_an_impossible_epoch_is_never_a_500(task: Any, epoch: str) -> None:
    answer = task.get(f"{task.path}/decisions/{epoch}")
    assert answer.status_code in {400, 404, 405, 422}
    assert task.get(f"{task.path}/decisions/1").status_code == 404


@pytest.mark.parametrize("state", ["done", "", None, 3])
def test_an_unknown_state_is_422(task: Any, state: Any) -> None:
    body = changed(plain(RunOutcome, samples.outcome()), "state", state)
    assert task.put(f"{task.path}/outcome", body).status_code == 422


def test_a_number_that_no_column_holds_is_422(task: Any) -> None:
    body = changed(plain(RunOutcome, samples.outcome()), "rescales", 2**80)
    assert task.put(f"{task.path}/outcome", body).status_code == 422


def test_a_body_that_was_decoded_is_not_checked_again(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise AssertionError("checked again")

    monkeypatch.setattr("airflow_enel.history.sql.trained_models.checked", fails)
    assert task.open().status_code == 204
    for rest, shape, value in (
        ("agent", wire.Address, wire.Address("driver", 1)),
        ("components", tuple[Component, ...], (samples.component(),)),
        ("decisions/1", wire.BriefStep, wire.brief(samples.step(1))),
        ("decisions/1/answer", wire.MaybeAnswer, wire.MaybeAnswer(ScaleAnswer(True, 2, ""))),
        ("outcome", RunOutcome, samples.outcome()),
    ):
        body = wire.encode(shape, value)
        assert task.put(f"{task.path}/{rest}", body).is_success


def test_a_body_over_the_limit_is_413(task: Any) -> None:
    body = b" " * (MAX_BODY_BYTES + 1)
    assert task.put(f"{task.path}/components", body).status_code == 413
    fits = b" " * (MAX_BODY_BYTES - 2) + b"[]"
    assert task.put(f"{task.path}/components", fits).status_code == 204


def test_a_body_that_does_not_tell_its_length_is_cut_off_at_the_limit(task: Any) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        while sent < 4 * MAX_BODY_BYTES:
            sent += 2**20
            yield b" " * 2**20

    answer = task.client.put(f"{task.path}/components", content=pieces(), headers=task.headers)
    assert answer.status_code == 413


def test_a_large_body_of_a_stranger_is_not_even_read(task: Any) -> None:
    headers = task.headers | {"Authorization": "Bearer wrong"}
    body = b" " * (MAX_BODY_BYTES + 1)
    answer = task.client.put(f"{task.path}/components", content=body, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("query", ["", "?dag_id=dag", "?dag_id=dag&job_key=j&limit="])
@pytest.mark.parametrize("limit", ["0", "501", "x", "-1", "9" * 30])
def test_an_odd_question_is_422(task: Any, query: str, limit: str) -> None:
    url = f"{wire.PREFIX}/past-runs{query}" + (limit if query.endswith("=") else "")
    assert task.get(url).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        *["map_index=-2", "map_index=x", "map_index=1.5", f"map_index={2**31}", "map_index="],
        *["task_id=", f"task_id={'t' * 251}", "task_id=%00", "dag_id=", "run_id=a%00b"],
    ],
)
def test_an_impossible_task_instance_is_422(task: Any, wrong: str) -> None:
    who = task.identity
    names = f"dag_id={who.dag_id}&run_id={who.run_id}&task_id=t&map_index=-1"
    good = f"{wire.PREFIX}/application?{names}"
    assert task.get(good).status_code == 200
    answer = task.get(f"{good}&{wrong}")  # of two values the later one counts
    assert answer.status_code == 422
    assert wrong.split("=", maxsplit=1)[0] in answer.text


@pytest.mark.parametrize("left_out", ["dag_id", "run_id", "task_id"])
def test_a_task_instance_without_all_its_names_is_422(task: Any, left_out: str) -> None:
    names = {"dag_id": "dag", "run_id": task.identity.run_id, "task_id": "t"}
    query = "&".join(f"{name}={value}" for name, value in names.items() if name != left_out)
    assert task.get(f"{wire.PREFIX}/application?{query}").status_code == 422


@pytest.mark.parametrize("new", [1, 0, "true", None, []])
def test_a_run_of_another_operator_is_marked_by_a_boolean_only(task: Any, new: Any) -> None:
    body = changed(
        plain(wire.OpenedRun, wire.OpenedRun(task.run, "t")), "run.foreign_operator", new
    )
    answer = task.put(task.path, body)
    assert answer.status_code == 422
    assert "run.foreign_operator" in answer.text


@pytest.mark.parametrize("run_id", ["0" * 32, "x", "%27", "a" * 2000, "%00", "..%2f"])
def test_an_unknown_run_is_never_a_500(task: Any, run_id: str) -> None:
    answer = task.get(f"{wire.PREFIX}/runs/{run_id}/agent")
    assert answer.status_code in {400, 404}
    assert task.get(f"{wire.PREFIX}/runs/{run_id}").status_code in {400, 404}


def test_the_database_being_away_is_503_without_details(
    task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow import settings
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker

    away = sessionmaker(create_engine("sqlite:////no/such/folder/secret.db"))
    monkeypatch.setattr(settings, "NonScopedSession", away)
    answer = task.put(f"{task.path}/components", b"[]")
    assert answer.status_code == 503
    assert "secret" not in answer.text
