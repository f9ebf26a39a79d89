"""A task that submits an application, and a sensor beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from airflow_enel.domain import Bounds, Run, RunState
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.sensors.spark import EnelSparkSensor
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.airflow.task_instances import set_state
from tests.support.builders import samples
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import Respond, page
from tests.support.fakes.tasks import task_context


class Scene:
    """A task of a DAG run, what it has submitted, and a sensor beside it."""

    def __init__(self, running_task: Callable[..., Any], work_dir: Path) -> None:
        self.work_dir = work_dir
        self.history = SqlHistory()
        identity, _ = running_task(f"dag-{uuid4()}", task_id="job")
        run = samples.run(identity.dag_id, policy="ellis", bounds=Bounds(1, 4))
        key = replace(run.key, run_id=identity.run_id, task_id="job")
        self.run: Run = replace(run, key=key)
        self.sent: list[dict[str, Any]] = []

    @property
    def id(self) -> str:
        return self.run.key.id

    @property
    def folder(self) -> RunFolder:
        return RunFolder.of(self.id, self.work_dir)

    def submitted(self, *, foreign: bool = False, token: str | None = "token") -> Scene:  # noqa: S107
        self.run = replace(self.run, foreign_operator=foreign)
        self.history.open_run(self.run, token)
        return self

    def serving(self, port: int) -> Scene:
        self.folder.make()
        self.folder.agent_address.write_text(
            json.dumps({"host": "127.0.0.1", "port": port, "pid": 1})
        )
        return self

    def task_is(self, state: str | None) -> Scene:
        set_state(self.run.key.run_id, state)
        return self

    def ended(self, state: RunState, exit_code: int | None = 3) -> Scene:
        self.history.finish_run(self.id, samples.outcome(state, exit_code=exit_code))
        return self

    def poke(self, **options: Any) -> bool:
        """By a sensor of its own every time."""
        return sensor(**options).poke(self.context())

    def context(self) -> Any:
        key = self.run.key
        return task_context(key.dag_id, key.run_id, "s")

    def answering(self, events: list[dict[str, Any]]) -> Respond:
        def respond(method: str, _: str, body: dict[str, Any]) -> tuple[int, bytes]:
            if method == "GET":
                return 200, page(events)
            self.sent.append(body)
            events.append(e.scale_accepted(body["executors"], body["epoch"], 23.0))
            return 200, b'{"accepted": true, "executors": 2, "message": ""}'

        return respond


def sensor(**options: Any) -> EnelSparkSensor:
    return EnelSparkSensor(**{"task_id": "s", "external_task_id": "job", **options})
