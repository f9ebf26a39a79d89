"""Whatever is wrong with a model costs one warning, never the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_enel.control.policies import JobModel, policy
from airflow_enel.domain import Bounds, Progress, TrainedModel
from airflow_enel.history.base import HistoryRefused, HistoryUnavailable
from airflow_enel.operators import execution as execution_module
from airflow_enel.operators.connect import Connection
from airflow_enel.operators.execution import Execution
from airflow_enel.operators.models import fitted, job_model, needs_stages, usable_model
from airflow_enel.operators.spark import EnelSparkOperator
from airflow_enel.predict.enel.forecaster import Enel
from tests.support.fakes.models import generated_runs, stored
from tests.support.fakes.tasks import task_context

LOG = cast("Any", logging.getLogger("models"))
BOUNDS = Bounds(2, 12)
MODEL = TrainedModel.sealed("m", "enel", 1, "{}", b"weights", 0.0)


class Fixed:
    """A history that has one thing to say about models."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def latest_model(self, kind: str) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def usable(answer: Any) -> TrainedModel | None:
    return usable_model(cast("Any", Fixed(answer)), "enel", 1, LOG)


def test_a_whole_model_is_used(caplog: pytest.LogCaptureFixture) -> None:
    assert usable(MODEL) is MODEL
    assert not caplog.records


@pytest.mark.parametrize(
    "answer",
    [
        HistoryUnavailable("away"),
        HistoryRefused("no"),
        replace(MODEL, weights=b"other"),
        TrainedModel.sealed("m", "other", 1, "{}", b"weights", 0.0),
        TrainedModel.sealed("m", "enel", 2, "{}", b"weights", 0.0),
    ],
    ids=["away", "refused", "corrupt", "foreign", "other schema"],
)
def test_one_that_cannot_be_used_costs_one_warning(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert usable(answer) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_no_model_yet_is_one_line_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert usable(None) is None
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_no_history_is_told_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert usable_model(None, "enel", 1, LOG) is None
    assert not caplog.records


def test_a_policy_that_reads_none_does_not_ask_for_one() -> None:
    asked = cast("Any", Fixed(AssertionError("nobody wants a model")))
    assert job_model(policy("ellis"), asked, "dag", "job", LOG) is None
    assert not needs_stages(policy("ellis"))


def test_a_policy_that_reads_models_gets_the_newest_for_its_job() -> None:
    model = stored()
    found = job_model(policy("enel-paper"), cast("Any", Fixed(model)), "dag", "job", LOG)
    assert found == JobModel(model, "dag/job")
    assert needs_stages(policy("enel-paper"))


def test_the_forecaster_uses_the_model_and_the_past_runs() -> None:
    runs = generated_runs()
    with_model = fitted(policy("enel-paper"), runs, JobModel(stored(), "dag/job"))
    without = fitted(policy("enel-paper"), runs, None)
    assert isinstance(with_model, Enel)
    assert isinstance(without, Enel)
    start = Progress.at_start(BOUNDS, runs[0].context)
    assert with_model.predict(start, BOUNDS) != without.predict(start, BOUNDS)


def test_a_model_that_cannot_be_read_costs_one_warning_and_the_prior_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = generated_runs()
    forecaster = fitted(policy("enel-paper"), runs, JobModel(MODEL, "dag/job"))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert forecaster is not None
    prior = fitted(policy("enel-paper"), runs, None)
    assert prior is not None
    start = Progress.at_start(BOUNDS, runs[0].context)
    assert forecaster.predict(start, BOUNDS) == prior.predict(start, BOUNDS)


def test_the_operator_gives_its_forecaster_the_newest_model_and_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = Fixed(stored())
    asked: list[Any] = []

    def past_runs(*job: str, stages: bool) -> Any:
        asked.append((*job, stages))
        return generated_runs()

    @contextmanager
    def connected(*_: Any) -> Iterator[Connection]:
        yield Connection(cast("Any", history))

    history.past_runs = past_runs  # type: ignore[attr-defined]
    monkeypatch.setattr(execution_module, "connection_of", connected)
    monkeypatch.setattr(execution_module, "settle", lambda *_, **__: (None, None))
    steerings: list[Any] = []
    monkeypatch.setattr(Execution, "_run_here", lambda *given: steerings.append(given[3]))
    operator = EnelSparkOperator(
        task_id="job", application="job.py", runtime_target=60, policy="enel-paper", job_key="j"
    )
    operator.prepare(task_context("d")).run()
    assert asked == [("d", "j", True)]
    (steering,) = steerings
    assert "gate=0.5," in repr(steering.forecaster)
