"""Where a training begins, from past runs and the last model alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_enel.control.training_plan import (
    NamedModel,
    NothingToLearn,
    TrainingPlan,
    TrainingRequest,
    plan_training,
    round_of,
    sealed,
)
from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.gate import OPEN
from airflow_enel.predict.enel.manifest import JobGate, marks_of
from airflow_enel.predict.enel.model import EnelModel
from tests.support.fakes.models import enel_model, generated_runs

RUNS = generated_runs(4)
NAME = "enel-20260101T000000Z-r2-abcdef01"


def model_of(runs: int = 4) -> EnelModel:
    """A model that has learned the first of the runs."""
    learned = marks_of("dag/job", (run.run_id for run in RUNS[:runs]))
    gate = JobGate("dag/job", runs, 0, OPEN, None, None, learned=learned)
    return enel_model(latest_run_at=RUNS[runs - 1].started_at, jobs=(gate,))


def plan(learned: int, name: str = NAME, **request: int) -> TrainingPlan:
    latest = NamedModel(name, model_of(learned))
    return plan_training(TrainingRequest(**request), [JobRuns("dag/job", RUNS)], latest)


def test_newer_runs_are_learned_on_top_of_the_last_model() -> None:
    made = plan(learned=3)
    assert made.start is not None
    assert (made.round, made.reason) == (3, f"model {NAME}")


def test_the_last_of_so_many_rounds_begins_anew() -> None:
    made = plan(learned=3, from_scratch_every=3)
    assert (made.start, made.round) == (None, 0)
    assert made.reason == "every 3 trainings one begins anew"


def test_on_a_model_of_others_it_begins_anew() -> None:
    assert plan(learned=3, name="theirs").start is None


def test_runs_that_are_all_known_are_nothing_to_learn() -> None:
    with pytest.raises(NothingToLearn, match=f"not learned from: {NAME}; wait for one"):
        plan(learned=4)


def test_a_model_that_cannot_be_used_is_named_as_the_reason() -> None:
    made = plan_training(TrainingRequest(), [], None, fault="corrupt")
    assert made == TrainingPlan(None, 0, "the last model cannot be used: corrupt")


def test_what_is_asked_for_needs_no_new_run() -> None:
    latest = NamedModel(NAME, model_of())
    made = plan_training(TrainingRequest(in_any_case=True), [], latest)
    assert made == TrainingPlan(None, 0, "as asked for")


def test_a_name_says_when_and_in_which_round_a_model_was_trained() -> None:
    model = replace(model_of(), manifest=replace(model_of().manifest, created_at=1.7e9))
    kept = sealed(model, 3)
    assert kept.name.startswith("enel-20231114T221320Z-r3-")
    assert round_of(kept.name) == 3


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": 10**9}, {"from_scratch_every": 0}])
def test_a_request_that_cannot_be_met_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        TrainingRequest(**arguments)


def test_the_largest_seed_has_nine_digits() -> None:
    assert TrainingRequest(seed=999_999_999).seed == 999_999_999


@pytest.mark.parametrize("name", ["", "m", "enel-r3", "enel-20260101T000000Z-r-abcdef01"])
def test_names_of_others_have_no_round(name: str) -> None:
    assert round_of(name) is None
