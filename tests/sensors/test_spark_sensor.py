# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""What a poke makes of a task, its application, and trouble on the way to them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_enel.control.policies import JobModel
from airflow_enel.domain import Bounds, Run, RunContext, RunState
from airflow_enel.history.base import HistoryRefused, HistoryUnavailable
from airflow_enel.history.repository import SqlHistory
from airflow_enel.sensors import poke as poke_module
from airflow_enel.sensors.poke import parse_address
from airflow_enel.sensors.spark import EnelSparkSensor
from airflow_enel.spark.submission.keeper import DriverFolder
from tests.agents import Respond, agents, page
from tests.history import samples
from tests.made_models import stored
from tests.spark import events as e

agent = pytest.fixture(agents)

FINAL = ["failed", "skipped", "upstream_failed", "removed"]
NOT_YET = [None, "scheduled", "queued", "running", "up_for_retry", "deferred", "restarting"]


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
    def folder(self) -> DriverFolder:
        return DriverFolder.of(self.id, self.work_dir)

    def submitted(self, *, foreign: bool = False, token: str | None = "token") -> Scene:  # noqa: S107
        self.run = replace(self.run, foreign_operator=foreign)
        self.history.open_run(self.run, token)
        return self

    def serving(self, port: int) -> Scene:
        self.folder.make()
        self.folder.port.write_text(json.dumps({"host": "127.0.0.1", "port": port, "pid": 1}))
        return self

    def task_is(self, state: str | None) -> Scene:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session(scoped=False) as session:
            query = session.query(TaskInstance).filter_by(run_id=self.run.key.run_id)
            query.update({"state": state})
        return self

    def ended(self, state: RunState, exit_code: int | None = 3) -> Scene:
        self.history.finish_run(self.id, samples.outcome(state, exit_code=exit_code))
        return self

    def poke(self, **options: Any) -> bool:
        """By a sensor of its own every time."""
        return sensor(**options).poke(self.context())

    def context(self) -> Any:
        key = self.run.key
        ti = SimpleNamespace(dag_id=key.dag_id, run_id=key.run_id, task_id="s", map_index=-1)
        ti.try_number = 1
        return {"ti": ti}

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


@pytest.fixture
def scene(
    running_task: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setattr(EnelSparkSensor, "log", logging.getLogger("sensor"))
    return Scene(running_task, tmp_path / "work")


# Before the application


@pytest.mark.parametrize("state", NOT_YET)
def test_it_waits_for_a_task_that_has_not_submitted_yet(scene: Scene, state: str | None) -> None:
    assert scene.task_is(state).poke() is False


@pytest.mark.parametrize("state", FINAL)
def test_it_fails_with_a_task_that_will_not_submit(scene: Scene, state: str) -> None:
    with pytest.raises(AirflowFailException, match=f"is {state} and has submitted no"):
        scene.task_is(state).poke()


def test_it_tells_what_to_add_to_a_task_whose_application_has_no_agent(scene: Scene) -> None:
    with pytest.raises(AirflowFailException, match=r"agent_conf\(…\)"):
        scene.task_is("success").poke()


def test_a_task_that_is_not_in_the_dag_is_told_at_once(scene: Scene) -> None:
    context = {**scene.context(), "dag": SimpleNamespace(has_task=lambda name: name == "other")}
    with pytest.raises(AirflowFailException, match="no task 'job' in this DAG"):
        sensor().poke(cast("Any", context))


# Its end, of an operator of ours


@pytest.mark.parametrize("state", ["running", "success", "failed"])
def test_a_succeeded_application_is_all_it_waits_for(scene: Scene, state: str) -> None:
    assert scene.submitted().ended(RunState.SUCCEEDED, 0).task_is(state).poke() is True


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.KILLED, RunState.LOST])
@pytest.mark.parametrize("task_state", NOT_YET)
def test_it_waits_for_the_retry_of_a_failed_application(
    scene: Scene, ended: RunState, task_state: str | None
) -> None:
    assert scene.submitted().ended(ended).task_is(task_state).poke() is False


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.KILLED, RunState.LOST])
@pytest.mark.parametrize("task_state", ["success", *FINAL])
def test_it_fails_with_an_application_that_nobody_tries_again(
    scene: Scene, ended: RunState, task_state: str
) -> None:
    with pytest.raises(AirflowFailException, match=f"has ended: {ended.value} with exit code 3"):
        scene.submitted().ended(ended).task_is(task_state).poke()


def test_of_an_operator_of_ours_a_succeeded_task_does_not_mean_that_its_application_has(
    scene: Scene,
) -> None:
    assert scene.submitted().task_is("success").poke() is False
    assert scene.history.run(scene.id).state is RunState.SUBMITTED


def test_with_soft_fail_a_failed_application_skips_it(scene: Scene) -> None:
    scene.submitted().ended(RunState.FAILED).task_is("failed")
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(scene.context())


def test_it_times_out_as_every_sensor_does(scene: Scene) -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(timeout=0.01, poke_interval=0.02).execute(scene.submitted().context())


# While it runs


@pytest.mark.parametrize("where", ["port file", "argument", "history"])
def test_it_steers_through_an_agent_that_it_finds(
    scene: Scene, agent: Callable[[Respond], int], where: str
) -> None:
    port = agent(scene.answering(e.simple_run(components=2)[:-1]))
    scene.submitted()
    options: dict[str, Any] = {}
    if where == "port file":
        scene.serving(port)
    elif where == "argument":
        options = {"agent_address": f"127.0.0.1:{port}"}
    else:
        scene.history.save_agent(scene.id, "127.0.0.1", port)
    for _ in range(3):
        assert scene.poke(**options) is False
    assert [(body["epoch"], body["try_number"]) for body in scene.sent] == [(2, 1)]
    assert len(scene.history.decisions(scene.id)) == 1
    assert [c.position for c in scene.history.components(scene.id)] == [0, 1]
    assert scene.history.agent_of(scene.id) == ("127.0.0.1", port, "token")


def test_it_forecasts_with_the_context_of_the_run(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[RunContext] = []

    def steering_of(*arguments: Any) -> Any:
        made = real(*arguments)
        heard.append(made.context)
        return made

    real = poke_module.steering_of
    monkeypatch.setattr(poke_module, "steering_of", steering_of)
    scene.run = replace(scene.run, context=RunContext.of({"input_mib": 512}))
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke()
    assert heard == [scene.run.context]


def test_the_driver_on_this_machine_knows_better_where_its_agent_is(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    scene.submitted().history.save_agent(scene.id, "127.0.0.1", 1)
    scene.serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke(agent_address="127.0.0.1:2")
    assert len(scene.sent) == 1


@pytest.mark.parametrize(
    "answer",
    [(200, b"{"), (401, b"{}"), (500, b"oops"), (404, b"")],
    ids=["truncated", "wrong token", "broken", "missing"],
)
def test_an_agent_that_cannot_be_used_costs_one_line_and_no_result(
    scene: Scene,
    agent: Callable[[Respond], int],
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, bytes],
) -> None:
    scene.submitted().serving(agent(lambda *_: answer))
    assert one_warning(caplog, scene.poke)


def test_an_agent_that_is_gone_costs_one_line_and_no_result(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.submitted().serving(1)
    assert one_warning(caplog, scene.poke)


def test_without_a_token_there_is_one_line(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.submitted(token=None).serving(1)
    assert "fernet_key" in one_warning(caplog, scene.poke)


@pytest.mark.parametrize("method", ["application", "agent_of", "past_runs", "intend"])
@pytest.mark.parametrize("error", [HistoryUnavailable, HistoryRefused, RuntimeError])
def test_a_history_that_fails_costs_one_line_and_no_result(
    scene: Scene,
    agent: Callable[[Respond], int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    error: type[Exception],
) -> None:
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=2)[:-1])))

    def fails(*_: Any, **__: Any) -> Any:
        raise error("away")

    monkeypatch.setattr(SqlHistory, method, fails)
    assert one_warning(caplog, scene.poke)
    assert scene.sent == []


def test_no_way_to_the_history_is_no_result(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nowhere(*_: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(poke_module, "connected_history", nowhere)
    assert scene.submitted().ended(RunState.SUCCEEDED).poke() is False


def one_warning(caplog: pytest.LogCaptureFixture, poke: Callable[[], bool]) -> str:
    with caplog.at_level(logging.WARNING):
        assert poke() is False
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    return record.getMessage()


# The end of an application of another operator


@pytest.mark.parametrize("left", ["final file", "agent", "nothing"])
def test_of_another_operator_the_task_tells_how_the_application_has_ended(
    scene: Scene, agent: Callable[[Respond], int], left: str
) -> None:
    scene.submitted(foreign=True)
    whole = e.simple_run(components=2)
    if left == "agent":
        scene.serving(agent(scene.answering(whole)))
    elif left == "final file":
        scene.serving(1).folder.final.write_bytes(page(whole))
    assert scene.task_is("success").poke() is True
    outcome = scene.history.run(scene.id).outcome
    assert outcome is not None
    known = left != "nothing"
    assert (outcome.state, outcome.complete) == (RunState.SUCCEEDED, known)
    assert outcome.runtime_s == (22.0 if known else None)
    assert len(scene.history.components(scene.id)) == (2 if known else 0)
    assert not scene.folder.exists
    assert scene.poke() is True


def test_a_failed_task_of_another_operator_fails_it_and_the_run(scene: Scene) -> None:
    with pytest.raises(AirflowFailException, match="has ended: failed"):
        scene.submitted(foreign=True).task_is("failed").poke()
    assert scene.history.run(scene.id).state is RunState.FAILED


def test_a_try_of_another_operator_that_will_be_repeated_has_failed(scene: Scene) -> None:
    assert scene.submitted(foreign=True).task_is("up_for_retry").poke() is False
    assert scene.history.run(scene.id).state is RunState.FAILED


def test_an_application_that_outlives_the_task_of_another_operator_is_watched_on(
    scene: Scene, agent: Callable[[Respond], int]
) -> None:
    scene.submitted(foreign=True).task_is("success")
    scene.serving(agent(scene.answering(e.simple_run(components=2)[:-1])))
    assert scene.poke() is False
    assert len(scene.sent) == 1
    assert scene.history.run(scene.id).outcome is None


def test_an_end_that_could_not_be_recorded_is_recorded_by_the_next_poke(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.submitted(foreign=True).serving(1).task_is("success")
    scene.folder.final.write_bytes(page(e.simple_run(components=2)))

    def fails(*_: Any) -> Any:
        raise HistoryUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(SqlHistory, "finish_run", fails)
        assert scene.poke() is False
    assert scene.poke() is True


# Arguments


@pytest.mark.parametrize(
    "text", ["driver", "driver:", ":80", "d:0", "d:65536", "d:x", "d:-1", "d:²"]
)
def test_an_impossible_address_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="write host:port"):
        parse_address(text)


@pytest.mark.parametrize("text", [None, "", " ", "None"])
def test_no_address_is_none(text: str | None) -> None:
    assert parse_address(text) is None


def test_an_address_may_be_of_the_sixth_version() -> None:
    address = parse_address(" [::1]:4050 ")
    assert address is not None
    assert (address.host, address.port) == ("[::1]", 4050)


def test_task_and_address_are_templated() -> None:
    assert set(EnelSparkSensor.template_fields) == {"external_task_id", "agent_address"}


def test_importing_the_sensor_is_cheap() -> None:
    code = "import sys, airflow_enel.sensors.spark; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "scipy", "torch"} & set(loaded)
    assert not [name for name in loaded if name.startswith("airflow_enel.operators")]


def test_a_policy_that_reads_models_gets_the_newest_and_past_runs_with_stages(
    scene: Scene, agent: Callable[[Respond], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = stored()
    asked: list[bool] = []
    heard: list[Any] = []

    def past_runs(*_: Any, stages: bool = False) -> tuple[()]:
        asked.append(stages)
        return ()

    def steering_of(*arguments: Any) -> Any:
        heard.append(arguments[-1])
        return real(*arguments)

    real = poke_module.steering_of
    monkeypatch.setattr(poke_module, "steering_of", steering_of)
    monkeypatch.setattr(SqlHistory, "past_runs", past_runs)
    monkeypatch.setattr(SqlHistory, "latest_model", lambda *_: model)
    scene.run = replace(scene.run, policy="enel-paper")
    scene.submitted().serving(agent(scene.answering(e.simple_run(components=1)[:-1])))
    scene.poke()
    assert asked == [True]
    assert heard == [JobModel(model, f"{scene.run.key.dag_id}/{scene.run.job_key}")]
