"""Which runs a model may know that forecasts a past run."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from airflow_enel.domain import JobRuns, ScaleOut
from airflow_enel.domain.context import RunContext
from airflow_enel.predict import Conditional
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.gate import OPEN
from airflow_enel.predict.enel.manifest import JobGate
from airflow_enel.predict.enel.training.schedule import MOST_RUNS, has_signal, schedule_trainings
from airflow_enel.predict.evaluation import walk_forward
from tests.support.builders.past_runs import past_run
from tests.support.builders.staged_runs import staged_run
from tests.support.fakes.models import enel_model, generated_runs


def series(count, job="job", every_s=1000.0, begin=0.0, runtime_s=100.0):
    """Runs with stages, one every so often."""
    runs = [
        replace(staged_run(n, 4), started_at=begin + n * every_s, runtime_s=runtime_s)
        for n in range(count)
    ]
    return JobRuns(job, tuple(runs))


def known(plan):
    """Runs that each training learns from, by job."""
    return [{of.job: len(of.runs) for of in jobs} for jobs in plan.trainings]


def test_it_is_trained_anew_whenever_a_quarter_more_is_known():
    assert known(schedule_trainings([series(20)], warm_up=4)) == [
        {"job": n} for n in (4, 5, 7, 9, 12, 15, 19)
    ]


def test_a_model_learns_from_other_jobs_only_what_was_over_by_then():
    slow = series(8, job="slow", runtime_s=2500.0)  # begins at 0, 1000, … and overlaps itself
    quick = series(8, job="quick", begin=500.0)
    plan = schedule_trainings([slow, quick], warm_up=4, growth=0.01)
    assert known(plan)[:3] == [
        {"slow": 2, "quick": 4},  # of the slow runs at 0, 1000, 2000, and 3000, two ended by 4000
        {"slow": 3, "quick": 4},  # quick ones at 500, … 3500; that at 4500 is forecast now
        {"slow": 3, "quick": 5},
    ]


def test_runs_at_the_same_moment_know_nothing_of_each_other():
    assert schedule_trainings([series(6, every_s=0.0)], warm_up=3).trainings == ()


def test_a_model_learns_from_the_newest_runs_of_a_job_only():
    (jobs, *_) = schedule_trainings([series(MOST_RUNS + 9)], warm_up=MOST_RUNS + 7).trainings
    assert [run.run_id for run in jobs[0].runs] == [f"run {n}" for n in range(7, MOST_RUNS + 7)]


def test_jobs_that_tell_the_network_nothing_are_silent():
    quiet = JobRuns("quiet", tuple(past_run(n, 4) for n in range(8)))
    plan = schedule_trainings([quiet, series(8)], warm_up=4)
    assert plan.without_signal == ("quiet",)
    assert all(set(jobs) == {"job"} for jobs in known(plan))
    assert schedule_trainings([quiet]).trainings == ()


def test_stages_contexts_and_moving_executors_tell_something():
    quiet = past_run(0, 4)
    assert not has_signal([quiet])
    assert has_signal([quiet, staged_run(1, 4)])
    assert has_signal([replace(quiet, context=RunContext((("input_mib", 7),)))])
    moving = replace(quiet.components[0], scale_out=ScaleOut(4, 8, 0.1, 6.0))
    assert has_signal([replace(quiet, components=(moving, *quiet.components[1:]))])


class Spy:
    """Remembers its model and what it was fitted on."""

    name = "spy"
    seen: ClassVar[list] = []

    def __init__(self, model, job):
        self.model, self.job = model, job

    def fit(self, past_runs):
        self.seen.append((self.job, len(past_runs), self.model))
        return self

    def predict(self, progress, bounds):
        return None


def test_every_run_is_forecast_with_the_latest_model_of_before(monkeypatch):
    monkeypatch.setattr(Spy, "seen", [])
    job = series(9)
    plan = schedule_trainings([job], warm_up=4)
    (make,) = plan.makers(["after 4", None, "after 7"], Spy)
    list(walk_forward(job, [make], 4))
    models = ["after 4", None, None, "after 7", "after 7"]
    assert Spy.seen == [("job", 4 + n, model) for n, model in enumerate(models)]


def test_the_trainings_of_a_job_are_those_that_forecast_its_runs():
    quiet = JobRuns("quiet", tuple(past_run(n, 4) for n in range(6)))
    plan = schedule_trainings([quiet, series(9)], warm_up=4)
    assert plan.trainings_of(0) == ()
    assert plan.trainings_of(1) == tuple(range(len(plan.trainings)))


def test_a_job_without_signal_is_forecast_without_a_model(monkeypatch):
    monkeypatch.setattr(Spy, "seen", [])
    quiet = JobRuns("quiet", tuple(past_run(n, 4) for n in range(6)))
    plan = schedule_trainings([quiet, series(9)], warm_up=4)
    make, _ = plan.makers(["model"] * len(plan.trainings), Spy)
    list(walk_forward(quiet, [make], 4))
    assert [model for _, _, model in Spy.seen] == [None, None]


def test_whatever_a_network_has_learned_it_leaves_runs_without_signal_alone():
    """Why nothing is trained on them: a whole correction of them is none."""
    runs = tuple(past_run(n, 4 + n % 3) for n in range(6))
    model = enel_model(jobs=(JobGate("quiet", 6, 0, OPEN, None, None),))
    makers = (Conditional, lambda: Enel(model, "quiet"))
    for found in walk_forward(JobRuns("quiet", runs), makers, 4):
        half = len(found) // 2
        for prior, network in zip(found[:half], found[half:], strict=True):
            assert network.predicted_s == pytest.approx(prior.predicted_s, rel=1e-9)


def test_evaluated_with_its_models_it_differs_from_its_prior():
    runs = generated_runs(8)
    job = JobRuns("job 0 of 1", runs)
    plan = schedule_trainings([job], warm_up=6)
    models = [enel_model(jobs=(JobGate(job.job, 6, 0, OPEN, None, None),))] * len(plan.trainings)
    (make,) = plan.makers(models)
    for found in walk_forward(job, (Conditional, make), 6):
        assert {p.forecaster for p in found} == {"conditional", "enel"}
        starts = [p.predicted_s for p in found if p.moment == "start"]
        assert starts[0] != pytest.approx(starts[1], rel=1e-3)
