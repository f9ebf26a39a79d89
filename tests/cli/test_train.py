"""``airflow enel train`` through Airflow's own parser, with a training that costs nothing."""

from __future__ import annotations

import itertools

import pytest

from airflow_enel.predict.enel.model import TooLittleHistory
from tests.support.builders.stored_runs import store_runs
from tests.support.cli import Enel
from tests.support.fakes.models import FakeTraining, generated_runs, without_torch

pytestmark = pytest.mark.usefixtures("airflow_db")
_numbers = itertools.count()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    return FakeTraining().installed(monkeypatch)


@pytest.fixture
def job(airflow_db: None) -> str:
    """A job with three runs."""
    dag_id = f"cli-train-{next(_numbers)}"
    store_runs(dag_id, "job", generated_runs(3))
    return f"{dag_id}/job"


def test_it_trains_on_all_jobs_and_publishes(enel: Enel, fake: FakeTraining, job: str) -> None:
    said = enel("train", "--from-scratch", "--seed", "3", "-o", "json").json
    assert said["from_scratch"]
    assert said["manifest"]["seed"] == 3
    assert job in {gate["job"] for gate in said["manifest"]["jobs"]}
    (newest, *_) = enel("model", "list", "-o", "json").json
    assert (newest["name"], newest["sha256"]) == (said["name"], said["sha256"])
    assert enel("model", "show", said["name"], "-o", "json").json[0]["fault"] is None


def test_the_table_tells_jobs_gates_and_the_model(enel: Enel, fake: FakeTraining, job: str) -> None:
    said = enel("train", "--from-scratch")
    assert said.error == 0
    assert "gate" in said.out
    assert "from scratch (as asked for)" in " ".join(said.out.split())


def test_without_new_runs_it_says_so_and_changes_nothing(
    enel: Enel, fake: FakeTraining, job: str
) -> None:
    enel("train", "--from-scratch")
    before = enel("model", "list", "-o", "json").json
    assert "no run that this model" in str(enel("train").error)
    assert enel("model", "list", "-o", "json").json == before


def test_from_scratch_it_trains_in_any_case(enel: Enel, fake: FakeTraining, job: str) -> None:
    enel("train", "--from-scratch")
    assert enel("train", "--from-scratch", "-o", "json").json["reason"] == "as asked for"
    assert len(fake.calls) == 2


def test_too_little_history_and_no_torch_are_told_in_one_line(
    enel: Enel, fake: FakeTraining, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.fault = TooLittleHistory("3 runs are too few")
    error = str(enel("train", "--from-scratch").error)
    assert error == "no model was trained: 3 runs are too few"
    without_torch(monkeypatch)
    assert "airflow-enel[train]" in str(enel("train").error)


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", "1e3", ""])
def test_a_seed_that_is_none_is_refused(enel: Enel, fake: FakeTraining, seed: str) -> None:
    assert enel("train", f"--seed={seed}").error != 0
    assert fake.calls == []
