"""From a run and its job's past to policy and forecaster; a bad model costs one warning."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_enel.domain import Bounds, ModelFormat, Progress, RunKey, TrainedModel
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import (
    NO_PAST,
    JobModel,
    JobPast,
    job_past,
    job_past_or_empty,
    monitored_run,
    scaling_config,
    usable_model,
)
from airflow_enel.history.interface import HistoryRefused, HistoryUnavailable
from airflow_enel.predict.enel.forecaster import Enel
from tests.support.fakes.models import generated_runs, stored

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
    return usable_model(cast("Any", Fixed(answer)), ModelFormat("enel", 1), LOG)


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


def request(policy: str = "enel-paper", **changes: Any) -> RunRequest:
    key = RunKey("dag", "run", "task", -1, 1)
    return RunRequest(key, "job", "job.py", policy, BOUNDS, 60.0, **changes)


class WithRuns(Fixed):
    """A history with past runs, too; remembers how they were asked for."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.asked: list[Any] = []

    def past_runs(self, *job: str, stages: bool) -> Any:
        self.asked.append((*job, stages))
        return generated_runs()


def test_a_policy_that_reads_no_models_asks_for_none() -> None:
    history = WithRuns(AssertionError("nobody wants a model"))
    past = job_past(cast("Any", history), request("ellis"), LOG)
    assert (past.model, history.asked) == (None, [("dag", "job", False)])


def test_a_policy_that_reads_models_gets_the_newest_for_its_job_and_runs_with_stages() -> None:
    model = stored()
    history = WithRuns(model)
    past = job_past(cast("Any", history), request(), LOG)
    assert past == JobPast(generated_runs(), JobModel(model, "dag/job"))
    assert history.asked == [("dag", "job", True)]


@pytest.mark.parametrize("error", [HistoryUnavailable("no network"), HistoryRefused("403: no")])
def test_a_history_that_cannot_be_read_is_an_empty_past_and_one_warning(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class Unreadable:
        def past_runs(self, *_: Any, **__: Any) -> Any:
            raise error

    assert job_past_or_empty(cast("Any", Unreadable()), request(), LOG) == NO_PAST
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(error) in caplog.text


def test_without_a_history_the_past_is_empty() -> None:
    assert job_past_or_empty(None, request(), LOG) == NO_PAST


def test_a_run_that_is_observed_again_keeps_its_target_and_policy() -> None:
    stored_run = request("static").run(3, 1000.0)
    monitored = monitored_run(stored_run, NO_PAST, try_number=2)
    assert (monitored.config.policy.name, monitored.config.target_s) == ("static", 60.0)
    assert (monitored.config.try_number, monitored.run_id) == (2, stored_run.key.id)


def forecaster(past: JobPast) -> Any:
    return scaling_config(request(context=past.runs[0].context), past, 1).forecaster


def test_the_forecaster_uses_the_model_and_the_past_runs() -> None:
    runs = generated_runs()
    with_model = forecaster(JobPast(runs, JobModel(stored(), "dag/job")))
    without = forecaster(JobPast(runs))
    assert isinstance(with_model, Enel)
    assert isinstance(without, Enel)
    start = Progress.at_start(BOUNDS, runs[0].context)
    assert with_model.predict(start, BOUNDS) != without.predict(start, BOUNDS)


def test_a_model_that_cannot_be_read_costs_one_warning_and_the_prior_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = generated_runs()
    made = forecaster(JobPast(runs, JobModel(MODEL, "dag/job")))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert made is not None
    prior = forecaster(JobPast(runs))
    assert prior is not None
    start = Progress.at_start(BOUNDS, runs[0].context)
    assert made.predict(start, BOUNDS) == prior.predict(start, BOUNDS)
