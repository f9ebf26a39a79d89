# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The operator that trains: what it does with a history, and what it says if it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from airflow_enel.domain import JobRuns
from airflow_enel.execution import history_access
from airflow_enel.history.http.client import HttpHistory, Requests
from airflow_enel.history.interface import HistoryUnavailable
from airflow_enel.operators.train import EnelTrainOperator, TrainingLog
from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION
from airflow_enel.predict.enel.model import TooLittleHistory
from tests.support.airflow.server import ServerTransport
from tests.support.fakes.models import FakeTraining, generated_runs, without_torch
from tests.support.fakes.tasks import task_context
from tests.support.processes.python import modules_loaded_by

CONTEXT = task_context("training", task_id="train")


class Kept:
    """A history with one job, which answers or raises."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.latest: Any = None
        self.saved: list[Any] = []

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        if self.fault is not None:
            raise self.fault
        yield JobRuns("dag/job", generated_runs(3))

    def latest_model(self, kind: str) -> Any:
        return self.latest

    def save_model(self, model: Any) -> None:
        self.latest = model
        self.saved.append(model)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    return FakeTraining().installed(monkeypatch)


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Says which history a task reaches."""

    def reach(history: Any) -> None:
        @contextmanager
        def connected(*_: object) -> Iterator[Any]:
            yield history

        monkeypatch.setattr(history_access, "connected_history", connected)

    return reach


def execute(**arguments: Any) -> str:
    return EnelTrainOperator(task_id="train", **arguments).execute(CONTEXT)


def test_it_trains_publishes_and_returns_the_model_s_name(
    reached: Callable[[Any], None], fake: FakeTraining, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Kept()
    reached(kept)
    name = execute(seed="7")
    said = capsys.readouterr().out
    (model,) = kept.saved
    assert model.name == name
    assert '"seed":7' in model.manifest
    assert f"Trained {name}, from scratch (there is no model yet): runs 3, jobs 1" in said


def test_progress_is_in_the_task_s_log(
    reached: Callable[[Any], None], fake: FakeTraining, capsys: pytest.CaptureFixture[str]
) -> None:
    reached(Kept())
    execute()
    said = capsys.readouterr().out
    assert "reading history: 1" in said
    assert "training: 1 of 2" in said


def test_a_phase_is_logged_at_once_and_then_every_ten_seconds() -> None:
    now, said = [0.0], []
    log = cast("Any", SimpleNamespace(info=lambda message, *values: said.append(message % values)))
    training_log = TrainingLog(log, clock=lambda: now[0])
    for second in range(25):
        now[0] = float(second)
        training_log("training", second, 25)
    training_log("judging", 1, 0)
    assert said == ["training: 0 of 25", "training: 10 of 25", "training: 20 of 25", "judging: 1"]


@pytest.mark.parametrize(
    ("history", "error", "message"),
    [
        (None, AirflowException, "no way to the history"),
        (Kept(HistoryUnavailable("away")), AirflowException, "away"),
    ],
    ids=["no history", "away"],
)
def test_what_may_pass_is_left_to_a_retry(
    reached: Callable[[Any], None],
    fake: FakeTraining,
    history: Any,
    error: type[Exception],
    message: str,
) -> None:
    reached(history)
    with pytest.raises(error, match=message) as raised:
        execute()
    assert not isinstance(raised.value, AirflowFailException | AirflowSkipException)


def test_too_little_history_skips_the_task(
    reached: Callable[[Any], None], fake: FakeTraining
) -> None:
    reached(Kept())
    fake.fault = TooLittleHistory("3 runs are too few")
    with pytest.raises(AirflowSkipException, match="3 runs are too few"):
        execute()


@pytest.mark.parametrize("arguments", [{}, {"from_scratch_every": 1}, {"seed": 5}], ids=str)
def test_without_a_new_run_the_task_is_skipped_and_publishes_nothing(
    reached: Callable[[Any], None], fake: FakeTraining, arguments: dict[str, Any]
) -> None:
    kept = Kept()
    reached(kept)
    execute(**arguments)
    with pytest.raises(AirflowSkipException, match="no run that this model"):
        execute(**arguments)
    assert len(kept.saved) == 1


def test_without_torch_it_fails_for_good_and_names_the_extra(
    reached: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(monkeypatch)
    reached(Kept())
    with pytest.raises(AirflowFailException, match=r"airflow-enel\[train\]"):
        execute()


def through_the_server(api: Any, task: tuple[Any, str]) -> HttpHistory:
    return HttpHistory(Requests("http://server", *reversed(task), transport=ServerTransport(api)))


def test_a_task_that_is_no_trainer_is_told_which_setting_it_needs(
    reached: Callable[[Any], None], fake: FakeTraining, api: Any, running_task: Any
) -> None:
    reached(through_the_server(api, running_task("training", task_id="train")))
    with pytest.raises(AirflowFailException, match=r"\[enel\] trainers .*: training:train"):
        execute()


def test_a_trainer_publishes_over_http(
    reached: Callable[[Any], None],
    fake: FakeTraining,
    api: Any,
    running_task: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_enel.history.sql.trained_models import SqlModels
    from tests.support.builders.stored_runs import store_runs

    monkeypatch.setenv("AIRFLOW__ENEL__TRAINERS", "training:train")
    store_runs("trained-dag", "job", generated_runs(3))
    reached(through_the_server(api, running_task("training", task_id="train")))
    model = SqlModels().model(execute(from_scratch_every=1))
    ((jobs, _),) = fake.calls
    (job,) = [job for job in jobs if job.job == "trained-dag/job"]
    assert len(job.runs) == 3
    assert all(c.stages for run in job.runs for c in run.components)
    assert model.verified(KIND, SCHEMA_VERSION)


@pytest.mark.parametrize(
    "arguments",
    [
        {"from_scratch_every": 0},
        {"seed": -1},
        {"seed": "x"},
        {"seed": 10**9},
        {"seed": str(2**70)},
    ],
)
def test_arguments_that_cannot_work_are_refused_when_the_dag_is_parsed(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="must be"):
        EnelTrainOperator(task_id="train", **arguments)


def test_the_largest_seed_is_that_of_the_command() -> None:
    assert EnelTrainOperator(task_id="train", seed=999_999_999).seed == 999_999_999


def test_a_seed_may_be_a_template() -> None:
    operator = EnelTrainOperator(task_id="train", seed="{{ params.seed }}")
    assert "seed" in operator.template_fields


@pytest.mark.processes
def test_a_dag_that_trains_is_light() -> None:
    code = "from airflow_enel.operators.train import EnelTrainOperator as T; T(task_id='train')"
    loaded = modules_loaded_by(
        code, after="import airflow.sdk, airflow.providers.common.compat.sdk"
    )
    heavy = ("numpy", "torch", "scipy", "sqlalchemy")
    assert [name for name in loaded if name.startswith(heavy)] == []


def test_the_maintenance_dag_trains_as_the_trainer_that_its_text_names() -> None:
    from dags_examples import enel_maintenance as example

    (task,) = example.train.dag.tasks
    assert isinstance(task, EnelTrainOperator)
    assert f"trainers = {task.dag_id}:{task.task_id}" in (example.__doc__ or "")
