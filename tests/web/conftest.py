"""Tasks and people who talk to the real API server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from airflow_enel.domain import Run
from airflow_enel.history import wire
from airflow_enel.history.http.capability import TASK_HEADER, TaskIdentity
from tests.support.airflow import server
from tests.support.builders import samples


@dataclass(frozen=True)
class Task:
    """A task instance with a token, and a run that it opened."""

    client: Any
    identity: TaskIdentity
    token: str
    run: Run

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", TASK_HEADER: self.identity.header()}

    @property
    def path(self) -> str:
        return f"{wire.PREFIX}/runs/{self.run.key.id}"

    def get(self, path: str, **changes: Any) -> Any:
        return self.client.get(path, headers=self.headers | changes)

    def put(self, path: str, content: bytes, **changes: Any) -> Any:
        return self.client.put(path, content=content, headers=self.headers | changes)

    def open(self) -> Any:
        body = wire.encode(wire.OpenedRun, wire.OpenedRun(self.run, "agent-secret"))
        return self.put(self.path, body)


@pytest.fixture(scope="session")
def new_task(api: Any, running_task: Any) -> Callable[..., Task]:
    def make(dag_id: str = "dag", **changes: Any) -> Task:
        identity, token = running_task(dag_id, **changes)
        run = samples.run()
        key = replace(
            run.key,
            dag_id=dag_id,
            run_id=identity.run_id,
            task_id=identity.task_id,
            map_index=identity.map_index,
        )
        return Task(api, identity, token, replace(run, key=key))

    return make


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    made = new_task()
    assert made.open().status_code == 204
    return made


@pytest.fixture(scope="session")
def person(api: Any) -> Callable[[str], dict[str, str]]:
    """Headers of a logged-in person of a role."""
    return server.person
