# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The Spark configuration for other operators, and what becomes of it when a task renders it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jinja2
import pytest
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from airflow_enel.agent_conf import _template
from airflow_enel.domain import Bounds, RunKey, RunState, TargetSource
from airflow_enel.domain.context import read_context
from airflow_enel.execution import external_run as external_run_module
from airflow_enel.execution.scaling_config import JobModel
from airflow_enel.history.interface import HistoryUnavailable
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.macros import MACROS
from airflow_enel.spark import agent_conf
from airflow_enel.spark.agent import LISTENER_CLASS, agent_jar
from airflow_enel.spark.properties import given_context
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.airflow.task_instances import set_state
from tests.support.fakes.models import Wanted, stored

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
SHA = "spark.enel.agent.tokenSha256"
SIZES = (
    "spark.executor.instances",
    "spark.dynamicAllocation.initialExecutors",
    "spark.dynamicAllocation.minExecutors",
    "spark.enel.initialExecutors",
)


class Rendering:
    """A task of another operator that renders its templates."""

    def __init__(self, running_task: Callable[..., Any], work_dir: Path) -> None:
        identity, _ = running_task(f"dag-{uuid4()}", task_id="job")
        self.key = RunKey(identity.dag_id, identity.run_id, "job", -1, 1)
        self.work_dir = work_dir
        self.history = SqlHistory()

    def render(self, conf: dict[str, str], *, try_number: int = 1) -> dict[str, str]:
        """In a process of its own, which remembers no earlier rendering."""
        external_run_module._RUNS.clear()
        names = (self.key.dag_id, self.key.run_id)
        ti = SimpleNamespace(dag_id=names[0], run_id=names[1], task_id="job", map_index=None)
        ti.try_number = try_number
        context = {
            "ti": ti,
            "task": SimpleNamespace(application="report.py", task_type="SomeOperator"),
            "params": {"more": "{{ 7 }}"},
            "dag_run": SimpleNamespace(logical_date=NOON),
            "two_hours": timedelta(hours=2),
            "macros": SimpleNamespace(enel=SimpleNamespace(**{m.__name__: m for m in MACROS})),
        }
        environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
        return {
            name: environment.from_string(value).render(context) for name, value in conf.items()
        }

    def task_is(self, state: str | None) -> None:
        set_state(self.key.run_id, state)

    def token(self) -> str:
        access = self.history.agent_of(self.key.id)
        assert access is not None
        return access.token

    def runs(self) -> int:
        return len(self.history.runs(self.key.dag_id))


@pytest.fixture
def task(
    running_task: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Rendering:
    monkeypatch.setenv("AIRFLOW__ENEL__WORK_DIR", str(tmp_path / "work"))
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    return Rendering(running_task, tmp_path / "work")


# What authors write


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": "magic"}, "no policy 'magic'"),
        ({"min_executors": 5, "max_executors": 4}, "must not exceed"),
        ({"runtime_target": None}, "policy 'enel' needs to know"),
        ({"runtime_target": "soon"}, "runtime_target is 'soon'"),
        ({"runtime_target": None, "deadline": "soon"}, "deadline is 'soon'"),
        ({"deadline_reference": "now"}, "deadline_reference is 'now'"),
        ({"initial_executors": 9}, "initial_executors is 9; it must lie within"),
        ({"agent_port": 0}, "agent_port is 0"),
        ({"context": {"a": None}}, "context 'a' must be a text or a number"),
        ({"context": "{{ it }}"}, "context must map"),
        ({"agent_port": 65536}, "agent_port is 65536"),
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        agent_conf(**{"runtime_target": 60, **arguments})


def test_everything_is_text_and_nothing_is_a_secret_before_it_is_rendered() -> None:
    conf = agent_conf(runtime_target=timedelta(minutes=5))
    assert all(isinstance(value, str) for value in conf.values())
    assert conf == agent_conf(runtime_target="PT5M")
    assert conf[SHA].startswith("{{ macros.enel.token_sha256(target_s=300.0, ")


@given(st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_an_argument_of_a_macro_arrives_as_it_was_given(value: Any) -> None:
    seen: list[Any] = []
    macros = SimpleNamespace(enel=SimpleNamespace(take=lambda **given: seen.append(given)))
    SandboxedEnvironment().from_string(_template("take", it=value)).render({"macros": macros})
    assert seen == [{"it": value}]


DEADLINES = {
    "a moment": NOON + timedelta(hours=2),
    "its text": "2026-01-02T14:00:00Z",
    "a time": timedelta(hours=2),
    "a template": "{{ dag_run.logical_date + two_hours }}",
}


@pytest.mark.parametrize("deadline", DEADLINES.values(), ids=DEADLINES)
def test_a_deadline_is_the_one_of_the_task_that_renders(task: Rendering, deadline: Any) -> None:
    task.render(agent_conf(deadline=deadline, deadline_reference="logical_date"))
    run = task.history.run(task.key.id).run
    assert run.deadline_at == (NOON + timedelta(hours=2)).timestamp()
    assert run.target_source is TargetSource.DEADLINE


@pytest.mark.parametrize("deadline", ["{{ nothing.at.all }}", "{{ 'soon' }}"])
def test_a_template_that_gives_no_deadline_is_logged_and_the_other_task_runs(
    task: Rendering, deadline: str, caplog: pytest.LogCaptureFixture
) -> None:
    rendered = task.render(agent_conf(deadline=deadline, max_executors=5))
    assert {rendered[name] for name in SIZES} == {"5"}
    assert "deadline" in caplog.text


def test_while_a_dag_with_a_deadline_is_defined_no_target_is_needed() -> None:
    alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(1), AsyncCallback(nobody))
    with DAG("with_deadline", schedule=None, deadline=alert):
        assert "'enel'" in agent_conf()[SHA]
    with DAG("without", schedule=None), pytest.raises(ValueError, match="set deadline"):
        agent_conf()


async def nobody(**_: Any) -> None:
    """A callback that no test waits for."""


# What a task renders


def test_a_rendered_task_has_a_run_whose_token_only_the_history_knows(task: Rendering) -> None:
    conf = agent_conf(runtime_target=60, max_executors=5, job_key="a job’s }} key")
    rendered = task.render(conf)
    row = task.history.run(task.key.id)
    assert row.state is RunState.SUBMITTED
    run = row.run
    assert (run.key, run.job_key) == (task.key, "a job’s }} key")
    assert (run.foreign_operator, run.application, run.policy) == (True, "report.py", "enel")
    assert (run.bounds, run.runtime_target_s) == (Bounds(1, 5), 60.0)
    token = task.token()
    assert rendered[SHA] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(rendered)


def test_the_context_renders_inside_and_goes_with_the_run(task: Rendering) -> None:
    context = {"input_mib": "{{ 2 * 256 }}", "day": "{{ params.more }}", "gone": "{{ no.such }}"}
    rendered = task.render(
        agent_conf(policy="static", context={**context, "ä'}}": 1, "share": 0.5})
    )
    known = task.history.run(task.key.id).run.context
    assert read_context(given_context(rendered))[0] == known  # as from an event log
    assert dict(known) == {
        "application": "report.py",
        "input_mib": 512,
        "day": "{{ 7 }}",  # what a template gives is no template again
        "ä'}}": 1,
        "share": 0.5,
    }


def test_the_input_of_another_operator_is_measured_once_and_kept(
    task: Rendering, tmp_path: Path
) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    (folder / "part").write_bytes(b"x" * 2**20)
    conf = agent_conf(policy="static", input_paths=f"{tmp_path}/{{{{ 3 + 4 }}}}")
    first = task.render(conf)
    (folder / "part").write_bytes(b"x" * 2**22)
    again = task.render(conf)
    name = "spark.enel.context.input_mib"
    assert first[name] == again[name] == "1.0"
    assert task.history.run(task.key.id).run.context.get("input_mib") == 1


def test_the_size_is_decided_from_the_history_and_recorded(task: Rendering) -> None:
    rendered = task.render(agent_conf(runtime_target=60, max_executors=5))
    (decision,) = task.history.decisions(task.key.id)
    size = str(decision.step.decision.executors)
    assert decision.step.decision.epoch == 0
    assert {rendered[name] for name in SIZES} == {size}
    assert rendered["spark.dynamicAllocation.maxExecutors"] == "5"
    assert task.history.run(task.key.id).run.initial_executors == int(size)


def test_a_given_size_is_heeded_whatever_the_policy(task: Rendering) -> None:
    conf = agent_conf(runtime_target=60, max_executors=5, initial_executors=2)
    rendered = task.render(conf)
    assert {rendered[name] for name in SIZES} == {"2"}
    assert task.history.run(task.key.id).run.policy == "enel"


def test_a_policy_that_reads_models_gets_the_newest_and_past_runs_with_stages(
    task: Rendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Wanted(stored()).installed(monkeypatch)
    task.render(agent_conf(runtime_target=60, policy="enel-paper", job_key="report"))
    assert wanted.stages == [True]
    assert wanted.models == [JobModel(wanted.model, f"{task.key.dag_id}/report")]


def test_the_files_of_the_agent_have_their_place_where_a_sensor_looks(task: Rendering) -> None:
    rendered = task.render(agent_conf(policy="static"))
    folder = RunFolder.of(task.key.id, task.work_dir)
    assert rendered["spark.enel.agent.portFile"] == str(folder.agent_address)
    assert rendered["spark.enel.agent.finalFile"] == str(folder.final_state)
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_jars_and_listeners_of_ones_own_come_first(task: Rendering) -> None:
    own = {"spark.jars": "/{{ 1 + 1 }}.jar", "spark.extraListeners": "a.B", "spark.x": "y"}
    rendered = task.render(agent_conf(policy="static", conf=own))
    assert rendered["spark.jars"] == f"/2.jar,{agent_jar()}"
    assert rendered["spark.extraListeners"] == f"a.B,{LISTENER_CLASS}"
    assert rendered["spark.x"] == "y"


def test_jars_and_listeners_of_the_defaults_file_are_kept(task: Rendering, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    defaults = "spark.jars /d.jar\nspark.extraListeners d.L\n"
    (tmp_path / "conf" / "spark-defaults.conf").write_text(defaults)
    rendered = task.render(agent_conf(policy="static"))
    assert rendered["spark.jars"] == f"/d.jar,{agent_jar()}"
    assert rendered["spark.extraListeners"] == f"d.L,{LISTENER_CLASS}"


@pytest.mark.parametrize("own", [None, {"spark.jars": "/own.jar", "spark.extraListeners": "a.B"}])
def test_without_the_jar_spark_is_not_asked_to_load_it(
    task: Rendering, monkeypatch: pytest.MonkeyPatch, own: dict[str, str] | None
) -> None:
    def missing() -> Path:
        raise FileNotFoundError("not built")

    monkeypatch.setattr("airflow_enel.spark.agent.agent_jar", missing)
    rendered = task.render(agent_conf(policy="static", conf=own))
    expected = ("/own.jar", "a.B") if own else ("", "")
    assert (rendered["spark.jars"], rendered["spark.extraListeners"]) == expected


def test_an_agent_for_other_machines_listens_where_it_is_told(task: Rendering) -> None:
    conf = agent_conf(policy="static", agent_host="0.0.0.0", agent_port=4050)  # noqa: S104
    rendered = task.render(conf)
    assert rendered["spark.enel.agent.host"] == "0.0.0.0"  # noqa: S104
    assert rendered["spark.enel.agent.port"] == "4050"


# Rendered again, or at the wrong time


def test_rendering_again_gives_the_same_and_opens_nothing(task: Rendering) -> None:
    conf = agent_conf(runtime_target=60)
    first = task.render(conf)
    token = task.token()
    for state in ("running", "success", "failed", None):
        task.task_is(state)
        assert task.render(conf) == first
    assert task.token() == token
    assert task.runs() == 1


def test_a_retry_has_a_run_and_a_token_of_its_own(task: Rendering) -> None:
    conf = agent_conf(policy="static")
    assert task.render(conf)[SHA] != task.render(conf, try_number=2)[SHA]
    assert task.runs() == 2


@pytest.mark.parametrize("state", [None, "scheduled", "queued", "success", "failed"])
def test_a_task_that_is_not_running_opens_nothing(task: Rendering, state: str | None) -> None:
    task.task_is(state)
    rendered = task.render(agent_conf(runtime_target=60, max_executors=3))
    assert len(rendered[SHA]) == 64
    assert task.runs() == 0
    assert not task.work_dir.exists()


@pytest.mark.parametrize("method", ["application", "past_runs", "open_run"])
@pytest.mark.parametrize("error", [HistoryUnavailable, RuntimeError])
def test_with_a_history_that_fails_the_task_renders_all_the_same(
    task: Rendering,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    error: type[Exception],
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error("away")

    monkeypatch.setattr(SqlHistory, method, fails)
    with caplog.at_level(logging.WARNING, "airflow_enel"):
        rendered = task.render(agent_conf(runtime_target=60, max_executors=3))
    assert {rendered[name] for name in SIZES} == {"3"}
    assert len(rendered[SHA]) == 64
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_without_a_way_to_the_history_the_task_renders_all_the_same(
    task: Rendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def nowhere(*_: Any) -> Iterator[None]:
        yield None

    monkeypatch.setattr(external_run_module, "connected_history", nowhere)
    rendered = task.render(agent_conf(policy="static", max_executors=3))
    assert {rendered[name] for name in SIZES} == {"3"}


def test_a_gap_in_the_record_does_not_close_the_agent(
    task: Rendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise HistoryUnavailable("away")

    monkeypatch.setattr(SqlHistory, "intend", fails)
    rendered = task.render(agent_conf(policy="static"))
    token = task.token()
    assert rendered[SHA] == hashlib.sha256(token.encode()).hexdigest()


def test_airflow_offers_the_macros(airflow_db: None) -> None:
    from airflow.sdk.execution_time import macros
    from airflow.sdk.plugins_manager import integrate_macros_plugins

    integrate_macros_plugins()
    assert all(getattr(macros.enel, macro.__name__) is macro for macro in MACROS)  # type: ignore[attr-defined]
