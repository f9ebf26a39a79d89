# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""Who is let in, and how far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from airflow_enel.domain import RunOutcome, TaskStanding
from airflow_enel.history import wire
from airflow_enel.history.http.capability import TASK_HEADER
from tests.support.builders import samples

OUTCOME = wire.encode(RunOutcome, samples.outcome())
ADDRESS = b'{"host": "driver", "port": 4040}'


def application_path(task: Any) -> str:
    """Where to ask for the application of a task."""
    who = task.identity
    names = {"dag_id": who.dag_id, "run_id": who.run_id, "task_id": who.task_id}
    return f"{wire.PREFIX}/application?{urlencode(names)}"


def outlook_path(task: Any, **changes: str) -> str:
    """Where to ask for the outlook of a task's DAG run."""
    who = task.identity
    names = {"dag_id": who.dag_id, "run_id": who.run_id, "task_id": who.task_id, "job_key": "job"}
    return f"{wire.PREFIX}/outlook?{urlencode(names | changes)}"


def test_no_route_is_open(api: Any) -> None:
    from airflow_enel.web.api import build_app, people, tasks

    assert len(build_app().routes) == len(tasks.routes) + len(people.routes) > 10
    for route in [*tasks.routes, *people.routes]:
        path = route.path.replace("{epoch}", "1").replace("{", "").replace("}", "")
        for method in route.methods:
            assert api.request(method, f"/enel{path}", content=b"{}").status_code == 401, path


@pytest.mark.parametrize("missing", ["Authorization", TASK_HEADER])
def test_without_credentials_the_answer_is_401(task: Any, missing: str) -> None:
    headers = {name: value for name, value in task.headers.items() if name != missing}
    answer = task.client.get(f"{task.path}/agent", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("odd", ["Basic abc", "Bearer", "Bearer  ", "t0ken"])
def test_credentials_of_another_kind_are_401(task: Any, odd: str) -> None:
    assert task.get(f"{task.path}/agent", Authorization=odd).status_code == 401


@pytest.mark.parametrize("odd", ["x" * 43, "x" * 100_000, "é", "' OR 1=1 --"])
def test_a_wrong_token_is_403(task: Any, odd: str) -> None:
    headers = {"Authorization": f"Bearer {odd}".encode()}
    assert task.get(f"{task.path}/agent", **headers).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"dag_id": "other"},
        {"run_id": "other"},
        {"task_id": "other"},
        {"map_index": 0},
        {"try_number": 2},
        {"try_number": 0},
    ],
)
def test_a_token_is_worth_nothing_to_another_task_instance(
    task: Any, wrong: dict[str, Any]
) -> None:
    header = replace(task.identity, **wrong).header()
    answer = task.get(f"{task.path}/agent", **{TASK_HEADER: header})
    assert answer.status_code == 403
    assert task.token not in answer.text


def test_a_token_of_one_mapped_task_is_worth_nothing_to_its_sibling(
    new_task: Callable[..., Any],
) -> None:
    first = new_task(run_id="mapped", map_index=0)
    second = new_task(run_id="mapped", map_index=1)
    assert second.open().status_code == 204
    thief = replace(first, identity=second.identity, run=second.run)
    assert thief.get(f"{thief.path}/agent").status_code == 403


def test_a_revoked_token_is_403(task: Any) -> None:
    from airflow.state import TaskScope, get_state_backend

    from airflow_enel.history.http.capability import key_of

    who = task.identity
    scope = TaskScope(who.dag_id, who.run_id, who.task_id, who.map_index)
    assert task.get(f"{task.path}/agent").status_code == 200
    get_state_backend().delete(scope, key_of(task.token))
    assert task.get(f"{task.path}/agent").status_code == 403


def test_a_token_whose_task_instance_is_gone_is_403(
    task: Any,
) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        session.query(TaskInstance).filter_by(run_id=task.identity.run_id).delete()
    assert task.get(f"{task.path}/agent").status_code == 403


def test_an_older_try_may_look_but_not_write(new_task: Callable[..., Any]) -> None:
    current = submitted_by(new_task(try_number=2), 2)
    assert current.open().status_code == 204
    older = retried(current)
    assert older.get(f"{older.path}/agent").status_code == 200
    answers = [
        older.open(),
        older.put(f"{older.path}/agent", ADDRESS),
        older.put(f"{older.path}/outcome", OUTCOME),
        older.put(f"{older.path}/components", b"[]"),
    ]
    assert [a.status_code for a in answers] == [403] * 4
    assert "later try" in answers[0].text


def test_an_older_try_may_still_tell_how_its_own_application_went(
    new_task: Callable[..., Any],
) -> None:
    current = submitted_by(new_task(try_number=2), 1)
    assert current.open().status_code == 204
    older = retried(current)
    assert older.put(f"{older.path}/components", b"[]").status_code == 204
    assert older.put(f"{older.path}/outcome", OUTCOME).status_code == 204
    assert older.put(f"{older.path}/agent", ADDRESS).status_code == 403


@pytest.mark.parametrize("tries", [(1, 1), (1, 2), (2, 2)])
def test_a_task_learns_how_airflow_sees_it(
    new_task: Callable[..., Any], tries: tuple[int, int]
) -> None:
    asking, current = tries
    task = new_task(try_number=current)
    asker = task if asking == current else retried(task)
    set_max_tries(task, 1)
    standing = wire.decode(TaskStanding, asker.get(f"{wire.PREFIX}/task").content)
    assert standing == TaskStanding("running", asking == current, asking <= 1)


def test_a_task_sees_the_outlook_of_its_own_dag_run_only(new_task: Callable[..., Any]) -> None:
    task, other = new_task(), new_task(dag_id="other")
    assert task.get(outlook_path(task)).status_code == 200
    assert task.get(outlook_path(task, run_id=new_task().identity.run_id)).status_code == 403
    assert task.get(outlook_path(other)).status_code == 403


def submitted_by(task: Any, submit_try: int) -> Any:
    """The same task with the run that another try has submitted."""
    key = replace(task.run.key, submit_try=submit_try)
    return replace(task, run=replace(task.run, key=key))


def set_max_tries(task: Any, max_tries: int) -> None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        row = session.query(TaskInstance).filter_by(run_id=task.identity.run_id).one()
        row.max_tries = max_tries


def retried(current: Any) -> Any:
    """The same task instance as its first try sees itself."""
    import json

    from airflow.state import TaskScope, get_state_backend

    from airflow_enel.history.http.capability import key_of

    who = replace(current.identity, try_number=1)
    scope = TaskScope(who.dag_id, who.run_id, who.task_id, who.map_index)
    get_state_backend().set(scope, key_of("old"), json.dumps(1))
    return replace(current, identity=who, token="old")


def test_an_older_try_cannot_pose_as_the_current_one(new_task: Callable[..., Any]) -> None:
    current = new_task(try_number=2)
    assert current.open().status_code == 204
    poser = replace(retried(current), identity=current.identity)
    assert poser.get(f"{poser.path}/agent").status_code == 403


def test_with_a_backend_of_the_workers_own_the_key_alone_vouches(task: Any) -> None:
    import json

    from airflow.state import TaskScope, get_state_backend

    from airflow_enel.history.http.capability import key_of

    who = task.identity
    scope = TaskScope(who.dag_id, who.run_id, who.task_id, who.map_index)
    reference = json.dumps({"__airflow_state_ref__": "s3://bucket/key"})
    get_state_backend().set(scope, key_of(task.token), reference)
    assert task.get(f"{task.path}/agent").status_code == 200


def test_a_sensor_of_the_same_dag_run_may_watch_and_steer_but_not_open(
    task: Any, new_task: Callable[..., Any]
) -> None:
    sensor = new_task(run_id=task.identity.run_id, task_id="sensor")
    watching = replace(sensor, run=task.run)
    assert task.put(f"{task.path}/agent", ADDRESS).status_code == 204
    access = watching.get(f"{task.path}/agent")
    assert access.json()["access"]["token"] == "agent-secret"
    assert access.headers["Cache-Control"] == "no-store"
    assert watching.get(task.path).json()["id"] == task.run.key.id
    assert watching.get(application_path(task)).json()["task_state"] == "running"
    assert watching.put(f"{task.path}/outcome", OUTCOME).status_code == 204
    assert watching.open().status_code == 403


def test_a_task_of_another_dag_run_neither_sees_nor_writes(
    task: Any, new_task: Callable[..., Any]
) -> None:
    other = new_task()
    assert other.get(f"{task.path}/agent").status_code == 403
    assert other.get(task.path).status_code == 403
    assert other.get(application_path(task)).status_code == 403
    assert other.get(f"{task.path}/decisions/1").status_code == 403
    assert other.put(f"{task.path}/outcome", OUTCOME).status_code == 403
    assert replace(other, run=task.run).open().status_code == 403


def test_a_run_is_not_opened_in_the_name_of_a_later_try(new_task: Callable[..., Any]) -> None:
    task = new_task()
    key = replace(task.run.key, submit_try=2)
    assert replace(task, run=replace(task.run, key=key)).open().status_code == 403


def test_a_run_is_not_opened_under_the_id_of_another(task: Any) -> None:
    body = wire.encode(wire.OpenedRun, wire.OpenedRun(task.run, None))
    assert task.put(f"{wire.PREFIX}/runs/{'0' * 32}", body).status_code == 422


def test_history_of_another_dag_is_for_trainers_only(
    new_task: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_task("training", task_id="group.train")
    path = f"{wire.PREFIX}/past-runs?job_key=job&dag_id="
    assert trainer.get(f"{path}training").status_code == 200
    refused = trainer.get(f"{path}dag")
    assert refused.status_code == 403
    assert "[enel] trainers" in refused.text
    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", "x:y, training:group.train")
    assert trainer.get(f"{path}dag").status_code == 200
    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", "training:train,:,")
    assert trainer.get(f"{path}dag").status_code == 403


def test_a_token_opens_nothing_for_people(task: Any) -> None:
    assert task.get(f"{wire.PREFIX}/dags/dag/runs").status_code in {401, 403}


def test_a_person_is_no_task(task: Any, person: Callable[..., Any]) -> None:
    answer = task.get(f"{task.path}/agent", **person("admin"))
    assert answer.status_code == 403
