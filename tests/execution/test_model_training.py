"""One training of the shared model: what it learns from, where it begins, what it publishes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from airflow_enel.control.training_plan import NothingToLearn, TrainingRequest, round_of
from airflow_enel.domain import JobRuns, ModelUnusable, TrainedModel
from airflow_enel.execution.model_training import CannotTrain, Training, train_shared_model
from airflow_enel.history.interface import HistoryUnavailable
from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION
from airflow_enel.predict.enel.model import TooLittleHistory
from tests.support.fakes.models import FakeTraining, generated_runs, without_torch

NOW = 1.8e9
RUNS = generated_runs(4)


class Kept:
    """A history of jobs and of one model, the latest."""

    def __init__(self) -> None:
        self.jobs = {("dag", "job"): RUNS}
        self.latest: TrainedModel | Exception | None = None
        self.away = 0
        self.saved: list[TrainedModel] = []

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        for job, runs in self.jobs.items():
            yield JobRuns("/".join(job), runs)

    def latest_model(self, kind: str) -> TrainedModel | None:
        if isinstance(self.latest, Exception):
            raise self.latest
        return self.latest

    def save_model(self, model: TrainedModel) -> None:
        if self.away:
            self.away -= 1
            raise HistoryUnavailable("away")
        self.latest = model
        self.saved.append(model)

    def add_run(self, started_at: float, job: str = "job") -> None:
        new = replace(RUNS[-1], run_id=str(started_at), started_at=started_at)
        self.jobs["dag", job] = (*self.jobs.get(("dag", job), ()), new)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    return FakeTraining().installed(monkeypatch)


def train(kept: Kept, now: float = NOW, **request: Any) -> Training:
    return train_shared_model(cast("Any", kept), TrainingRequest(**request), now, lambda *_: None)


def test_the_first_model_is_trained_from_scratch_on_all_jobs(
    kept: Kept, fake: FakeTraining
) -> None:
    kept.jobs["other", "report"] = generated_runs(2, number=1)
    training = train(kept, seed=7)
    ((jobs, start),) = fake.calls
    assert {job.job: len(job.runs) for job in jobs} == {"dag/job": 4, "other/report": 2}
    assert start is None
    assert training.from_scratch
    assert training.manifest.seed == 7
    assert kept.saved == [training.model.verified(KIND, SCHEMA_VERSION)]
    assert training.model.created_at == NOW


def test_the_next_goes_on_with_the_last_and_every_fifth_begins_anew(
    kept: Kept, fake: FakeTraining
) -> None:
    rounds = []
    for week in range(7):
        kept.add_run(NOW + 1e6 * week - 1e4)
        training = train(kept, NOW + 1e6 * week)
        rounds.append((round_of(training.model.name), training.from_scratch))
    scratch = [(0, True), (1, False), (2, False), (3, False), (4, False)]
    assert rounds == [*scratch, *scratch[:2]]
    assert [start is None for _, start in fake.calls] == [made for _, made in rounds]


def test_how_often_it_begins_anew_can_be_chosen(kept: Kept, fake: FakeTraining) -> None:
    train(kept, from_scratch_every=1)
    kept.add_run(NOW)
    training = train(kept, NOW + 1, from_scratch_every=1)
    assert training.how == "from scratch (as asked for)"


def test_without_a_new_run_there_is_nothing_to_go_on_with(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    with pytest.raises(NothingToLearn, match="no run that this model"):
        train(kept, NOW + 1)
    kept.add_run(NOW)
    assert not train(kept, NOW + 1e6).from_scratch


@pytest.mark.parametrize("every", [1, 2, 3])
def test_without_a_new_run_nothing_is_learned_again_from_scratch_either(
    kept: Kept, fake: FakeTraining, every: int
) -> None:
    for week in range(2):
        kept.add_run(NOW + 1e6 * week - 1e4)
        train(kept, NOW + 1e6 * week, from_scratch_every=every)
    for seed in range(3):
        with pytest.raises(NothingToLearn, match="no run that this model"):
            train(kept, NOW + 2e6 + seed, from_scratch_every=every, seed=seed)
    assert len(kept.saved) == 2


def test_a_job_with_one_run_is_nothing_new(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    kept.add_run(NOW, "once")
    with pytest.raises(NothingToLearn, match="no run that this model"):
        train(kept, NOW + 1, from_scratch_every=1)
    kept.add_run(NOW + 2, "once")
    assert train(kept, NOW + 3, from_scratch_every=1).from_scratch


def test_the_only_run_that_is_left_of_a_job_is_nothing_new(kept: Kept, fake: FakeTraining) -> None:
    kept.jobs["other", "report"] = generated_runs(2, number=1)
    train(kept)
    kept.add_run(NOW)
    kept.jobs["dag", "job"] = kept.jobs["dag", "job"][-1:]
    with pytest.raises(NothingToLearn, match="no run that this model"):
        train(kept, NOW + 1, from_scratch_every=1)


def test_it_begins_anew_in_any_case_if_asked_to(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    training = train(kept, NOW + 1, in_any_case=True, seed=1)
    assert training.how == "from scratch (as asked for)"
    assert round_of(training.model.name) == 0


@pytest.mark.parametrize("job", ["job", "another"])
def test_runs_that_were_imported_later_and_are_older_are_a_reason_to_begin_anew(
    kept: Kept, fake: FakeTraining, job: str
) -> None:
    train(kept)
    kept.add_run(NOW - 10)
    for day in range(4):
        kept.add_run(RUNS[0].started_at - 1e5 * day, job)
    training = train(kept, NOW + 1)
    assert training.from_scratch
    assert f"older than those it knows: {4 if job == 'job' else 3}" in training.how
    assert round_of(training.model.name) == 0
    kept.add_run(NOW + 10)
    assert not train(kept, NOW + 20).from_scratch  # they are known by now


@pytest.mark.parametrize("newer", [0, 1])
def test_late_runs_are_found_when_others_were_removed(
    kept: Kept, fake: FakeTraining, newer: int
) -> None:
    train(kept)
    kept.jobs["dag", "job"] = RUNS[-2:]
    for day in range(2):
        kept.add_run(RUNS[0].started_at - 1e5 * day)
    for day in range(newer):
        kept.add_run(NOW + day)
    training = train(kept, NOW + 10)
    assert training.from_scratch
    assert "older than those it knows: 2" in training.how


def test_runs_that_were_removed_are_no_reason_to_train(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    kept.jobs["dag", "job"] = RUNS[1:]
    with pytest.raises(NothingToLearn, match="no run that this model"):
        train(kept, NOW + 1)


def test_a_late_run_is_told_and_known_after_fine_tuning(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    kept.add_run(RUNS[-1].started_at - 1.0)
    kept.add_run(NOW)
    assert "came late, older than those it knows: 1" in train(kept, NOW + 10).how
    kept.add_run(NOW + 20)
    assert "came late" not in train(kept, NOW + 30).how


def test_a_run_that_began_when_the_latest_did_is_late(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    kept.jobs["dag", "job"] = (*RUNS, replace(RUNS[-1], run_id="beside"))
    assert "older than those it knows: 1" in train(kept, NOW + 1).how


def test_a_run_without_components_is_nothing_new(kept: Kept, fake: FakeTraining) -> None:
    train(kept)
    kept.add_run(NOW)
    *others, last = kept.jobs["dag", "job"]
    kept.jobs["dag", "job"] = (*others, replace(last, components=()))
    with pytest.raises(NothingToLearn, match="no run that this model"):
        train(kept, NOW + 1)


def test_a_long_run_that_ended_after_shorter_ones_is_no_reason_to_begin_anew_but_told(
    kept: Kept, fake: FakeTraining
) -> None:
    train(kept)
    kept.add_run(RUNS[-1].started_at - 1.0)
    kept.add_run(NOW)
    training = train(kept, NOW + 10)
    assert not training.from_scratch
    assert "with runs that came late, older than those it knows: 1" in training.how


def test_the_first_run_of_another_job_is_no_reason_to_begin_anew(
    kept: Kept, fake: FakeTraining
) -> None:
    train(kept)
    kept.add_run(RUNS[-1].started_at - 1.0, "another")
    kept.add_run(NOW, "another")
    how = train(kept, NOW + 10).how
    assert how.startswith("on top of model enel-")
    assert "came late" not in how


@pytest.mark.parametrize(
    "latest",
    [
        ModelUnusable("corrupt"),
        TrainedModel.sealed("m", "enel", 99, "{}", b"x", NOW),
        TrainedModel.sealed("m", "enel", 1, "{}", b"x", NOW),
        TrainedModel.sealed("m", KIND, SCHEMA_VERSION, "{}", b"x", NOW),
    ],
    ids=["corrupt", "other schema", "schema without marks", "no network"],
)
def test_a_last_model_that_cannot_be_used_is_begun_anew(
    kept: Kept, fake: FakeTraining, latest: Any
) -> None:
    kept.latest = latest
    training = train(kept)
    assert training.from_scratch
    assert "cannot be used" in training.how


def test_a_model_that_others_have_named_is_no_reason_to_go_on(
    kept: Kept, fake: FakeTraining
) -> None:
    made = train(kept).model
    kept.latest = TrainedModel.sealed(
        "mine", KIND, SCHEMA_VERSION, made.manifest, made.weights, NOW
    )
    kept.add_run(NOW)
    assert train(kept, NOW + 1).from_scratch


def test_the_same_history_and_seed_give_the_same_model(kept: Kept, fake: FakeTraining) -> None:
    first = train(kept).model
    assert train(kept, in_any_case=True).model == first


def test_an_empty_history_says_what_to_do(kept: Kept, fake: FakeTraining) -> None:
    kept.jobs = {}
    with pytest.raises(NothingToLearn, match="import-history"):
        train(kept)


def test_too_little_history_is_told_in_the_words_of_the_training(
    kept: Kept, fake: FakeTraining
) -> None:
    fake.fault = TooLittleHistory("3 runs are too few")
    with pytest.raises(NothingToLearn, match="3 runs are too few"):
        train(kept)
    assert kept.saved == []


def test_a_fault_of_the_training_is_not_taken_for_too_little_history(
    kept: Kept, fake: FakeTraining
) -> None:
    fake.fault = ValueError("array must not contain infs or NaNs")
    with pytest.raises(ValueError, match="infs or NaNs"):
        train(kept)
    assert kept.saved == []


def test_without_torch_it_names_the_extra_before_any_history_is_read(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_torch(monkeypatch)
    kept.jobs = {}
    with pytest.raises(CannotTrain, match=r"airflow-enel\[train\]"):
        train(kept)


def test_a_history_that_is_away_for_a_while_still_gets_the_model(
    kept: Kept, fake: FakeTraining
) -> None:
    kept.away = 5
    assert kept.saved == []
    train(kept)
    assert len(kept.saved) == 1
    kept.away = 100
    with pytest.raises(HistoryUnavailable):
        train(kept, in_any_case=True)
