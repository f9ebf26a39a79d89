"""What people see of history: what they may see of the DAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_enel.domain import Component, RunOutcome
from airflow_enel.history import wire
from airflow_enel.history.interface import DecisionRow, RunRow
from tests.support.builders import samples

Person = Callable[..., dict[str, str]]
DAG = f"{wire.PREFIX}/dags/dag"


@pytest.fixture
def watched(task: Any) -> Any:
    """A run with all there is to see."""
    address = wire.encode(wire.Address, wire.Address("driver.example", 4040))
    components = wire.encode(tuple[Component, ...], (samples.component(),))
    task.put(f"{task.path}/agent", address)
    task.put(f"{task.path}/components", components)
    task.put(f"{task.path}/decisions/1", wire.encode(wire.BriefStep, wire.brief(samples.step())))
    task.put(f"{task.path}/outcome", wire.encode(RunOutcome, samples.outcome()))
    return task


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_who_may_see_the_dag_sees_its_runs(
    api: Any, watched: Any, person: Person, role: str
) -> None:
    answer = api.get(f"{DAG}/runs?limit=500", headers=person(role))
    assert answer.status_code == 200
    rows = wire.decode(tuple[RunRow, ...], answer.content)
    (row,) = [row for row in rows if row.id == watched.run.key.id]
    assert (row.run, row.outcome) == (watched.run, samples.outcome())
    for secret in ("agent-secret", "driver.example", "agent"):
        assert secret not in answer.text


def test_who_may_see_the_dag_sees_decisions_and_components(
    api: Any, watched: Any, person: Person
) -> None:
    path = f"{DAG}/runs/{watched.run.key.id}"
    decisions = api.get(f"{path}/decisions", headers=person("viewer"))
    (row,) = wire.decode(tuple[DecisionRow, ...], decisions.content)
    assert row.step.decision == samples.step().decision
    components = api.get(f"{path}/components", headers=person("viewer"))
    assert wire.decode(tuple[Component, ...], components.content) == (samples.component(),)


def test_who_may_not_see_the_dag_sees_nothing(api: Any, person: Person) -> None:
    assert api.get(f"{DAG}/runs", headers=person(None)).status_code == 403


def test_runs_can_be_narrowed_to_a_job(api: Any, watched: Any, person: Person) -> None:
    answer = api.get(f"{DAG}/runs?job_key=none", headers=person("viewer"))
    assert answer.json() == []


def test_a_run_is_not_seen_through_another_dag(api: Any, watched: Any, person: Person) -> None:
    path = f"{wire.PREFIX}/dags/other/runs/{watched.run.key.id}"
    for what in ("decisions", "components"):
        assert api.get(f"{path}/{what}", headers=person("viewer")).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
def test_people_cannot_write(api: Any, watched: Any, person: Person, method: str) -> None:
    answer = api.request(method, f"{DAG}/runs", headers=person("admin"))
    assert answer.status_code in {404, 405}


def test_a_dag_with_a_name_that_cannot_be_is_never_a_500(api: Any, person: Person) -> None:
    assert api.get(f"{wire.PREFIX}/dags/a%00b/runs", headers=person("viewer")).status_code == 400
