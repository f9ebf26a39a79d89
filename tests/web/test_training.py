# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Who may learn from all history and publish models, and what a bad model meets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from airflow_enel.domain import TrainedModel
from airflow_enel.history import wire
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.web import training
from tests.support.fuzzing import request_bodies as bodies

JOBS = f"{wire.PREFIX}/training-jobs"


def model(name: str | None = None, kind: str = "fuzz") -> TrainedModel:
    name = name or f"model-{uuid4()}"
    return TrainedModel.sealed(name, kind, 1, '{"runs": 3}', b"\x00weights\xff", 2e9 + 0.5)


def publish(task: Any, one: TrainedModel) -> Any:
    path = f"{wire.PREFIX}/models/{one.name}"
    return task.put(path, wire.encode(TrainedModel, one))


def latest(task: Any, kind: str, **headers: str) -> Any:
    return task.get(f"{wire.PREFIX}/models/latest?kind={kind}", **headers)


@pytest.fixture
def trainer(new_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    made = new_task("training", task_id="train")
    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", "training:train")
    return made


@pytest.mark.parametrize(
    "trainers",
    [
        None,
        "",
        ",",
        ":",
        "training",
        "training:",
        ":train",
        "training:other",
        "*:*",
        "TRAINING:TRAIN",
    ],
)
def test_nobody_trains_who_is_not_named(
    new_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, trainers: str | None
) -> None:
    task = new_task("training", task_id="train")
    if trainers is not None:
        monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", trainers)
    one = model()
    assert [task.get(JOBS).status_code, publish(task, one).status_code] == [403, 403]
    assert one.name not in {m.name for m in SqlHistory().models()}


def test_a_trainer_reads_all_jobs_and_publishes(trainer: Any) -> None:
    one = model()
    assert trainer.get(JOBS).status_code == 200
    assert publish(trainer, one).status_code == 204
    assert SqlHistory().model(one.name) == one


def test_a_trainer_that_was_replaced_may_read_but_not_publish(
    new_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    task = new_task("training", task_id="train")
    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", "training:train")
    with create_session(scoped=False) as session:
        query = session.query(TaskInstance).filter_by(run_id=task.identity.run_id)
        query.update({"try_number": 2})
    assert task.get(JOBS).status_code == 200
    answer = publish(task, model())
    assert (answer.status_code, "later try" in answer.text) == (403, True)


def test_a_person_cannot_publish(api: Any, person: Callable[[str], dict[str, str]]) -> None:
    one = model()
    path = f"{wire.PREFIX}/models/{one.name}"
    body = wire.encode(TrainedModel, one)
    assert api.put(path, content=body, headers=person("admin")).status_code == 401


def test_every_task_may_fetch_a_model_and_only_if_it_is_another(task: Any) -> None:
    kind = f"kind-{uuid4().hex[:8]}"
    assert latest(task, kind).json() == {"model": None}
    one = model(kind=kind)
    SqlHistory().save_model(one)
    answer = latest(task, kind)
    assert wire.decode(wire.MaybeModel, answer.content).model == one
    assert answer.headers["ETag"] == f'"{one.sha256}"'
    again = latest(task, kind, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    SqlHistory().save_model(replace(one, name=one.name + "+1"))  # the same under another name
    other = TrainedModel.sealed(one.name + "+2", kind, 1, "{}", b"other", 0.0)
    SqlHistory().save_model(other)
    newer = latest(task, kind, **{"If-None-Match": answer.headers["ETag"]})
    assert wire.decode(wire.MaybeModel, newer.content).model == other


def test_the_path_and_the_model_have_the_same_name(trainer: Any) -> None:
    path = f"{wire.PREFIX}/models/other"
    answer = trainer.put(path, wire.encode(TrainedModel, model()))
    assert (answer.status_code, "name" in answer.text) == (422, True)


def test_a_model_over_the_limit_is_413_and_a_stranger_s_is_not_even_read(
    trainer: Any, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body = f"{wire.PREFIX}/models/m", b" " * (training.MAX_MODEL_BYTES + 1)
    assert trainer.put(path, body).status_code == 413
    assert task.put(path, body).status_code == 403


def test_a_model_of_the_largest_size_is_taken(trainer: Any) -> None:
    from airflow_enel.domain.model import MAX_WEIGHTS_BYTES

    one = TrainedModel.sealed(f"m-{uuid4()}", "large", 1, "{}", b"\xff" * MAX_WEIGHTS_BYTES, 0.0)
    assert publish(trainer, one).status_code == 204
    assert wire.decode(wire.MaybeModel, latest(trainer, "large").content).model == one


def test_bad_bodies_are_refused_by_the_field_and_never_a_5xx(trainer: Any) -> None:
    one = model("fuzzed")
    good = {"": json.loads(wire.encode(TrainedModel, one))}
    cases = [*bodies.curated(good), *bodies.generated(good, seed=2, count=200)]

    def put(route: str, body: bytes) -> Any:
        return trainer.put(f"{wire.PREFIX}/models/{one.name}", body)

    faults = [(case.field, case.body[:200], bodies.fault(case, put)) for case in cases]
    assert [fault for fault in faults if fault[2]] == []
    assert put("", bodies.written(good[""])).status_code == 204


@pytest.mark.parametrize("query", ["", "?kind=", "?kind=" + "x" * 51, "?kind=%00"])
def test_an_odd_question_for_a_model_is_refused(task: Any, query: str) -> None:
    assert task.get(f"{wire.PREFIX}/models/latest{query}").status_code == 422
