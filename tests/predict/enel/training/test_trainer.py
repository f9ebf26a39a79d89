"""Training on made-up histories small enough for a test."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("torch_geometric", reason="needs the extra train")

from airflow_enel.domain import JobRuns  # noqa: E402
from airflow_enel.predict import Conditional  # noqa: E402
from airflow_enel.predict.enel.config import PAPER  # noqa: E402
from airflow_enel.predict.enel.forecaster import Enel  # noqa: E402
from airflow_enel.predict.enel.gate import CLOSED, OPEN, starting  # noqa: E402
from airflow_enel.predict.enel.manifest import Manifest  # noqa: E402
from airflow_enel.predict.enel.model import (  # noqa: E402
    TooLittleHistory,
    dump_weights,
    load_model,
)
from airflow_enel.predict.enel.training import optimisation, trainer  # noqa: E402
from airflow_enel.predict.enel.training.optimisation import training_settings  # noqa: E402
from airflow_enel.predict.enel.training.torch_network import EnelNetwork  # noqa: E402
from airflow_enel.predict.enel.training.trainer import train  # noqa: E402
from airflow_enel.predict.evaluation import walk_forward  # noqa: E402
from tests.support.builders.recurring_jobs import SCENARIOS, make_job, make_runs  # noqa: E402


def generated(scenario, runs, number=0):
    job = make_job(number, 5)
    parts = (job.parts[0], job.parts[1], job.parts[2], job.parts[-1])
    job = replace(job, parts=parts)
    return JobRuns(job.key, tuple(make_runs(job, SCENARIOS[scenario], runs, 6)))


def train_shortly(monkeypatch):
    monkeypatch.setattr(
        trainer, "training_settings", lambda config: replace(training_settings(config), epochs=5)
    )


@pytest.fixture(scope="module")
def history():
    return generated("metrics", 20)


@pytest.fixture(scope="module")
def trained(history):
    first = JobRuns(history.job, history.runs[:16])
    return train([first], seed=1, created_at=5.0)


def opened(model):
    """The same network, trusted wholly."""
    return replace(model, manifest=replace(model.manifest, jobs=(), pooled=OPEN))


def running_errors(model, history):
    """Mean log errors after the first component, of the prior and with the network."""
    makers = (Conditional, lambda: Enel(model, history.job))
    found = walk_forward(JobRuns(history.job, history.runs), makers, 16)
    later = [p for of_run in found for p in of_run if p.moment != "start"]
    return [
        np.mean([abs(np.log(p.predicted_s / p.actual_s)) for p in later if p.forecaster == name])
        for name in ("conditional", "enel")
    ]


def test_it_learns_that_garbage_collection_early_in_a_run_foretells_slow_components(
    history, trained
):
    """Nothing that the prior looks at says so: the first component takes no longer."""
    assert trained.manifest.gates_of(history.job).late.share > starting(1.0).share
    prior, error = running_errors(opened(trained), history)
    assert error < 0.6 * prior


def test_the_network_gets_the_averages_of_the_weights_of_its_steps(monkeypatch):
    network, seen = EnelNetwork(PAPER), []
    steps = count(1)

    def to_next_number(_batch, network, *_optimizer_and_parameters):
        with torch.no_grad():
            network.metrics.bias.fill_(next(steps))

    monkeypatch.setattr(optimisation, "step", to_next_number)
    monkeypatch.setattr(optimisation, "refresh", lambda _parts, _network: None)

    def look(_epoch):
        seen.append(float(network.metrics.bias[0].detach()))
        return True

    optimisation.optimise([None] * 10, network, 2, look)
    assert 8 < seen[0] < 10
    assert 17 < seen[1] < 20
    assert network.metrics.bias.tolist() == [seen[1]] * 5


def test_the_same_seed_gives_the_same_model(history, monkeypatch):
    train_shortly(monkeypatch)
    jobs = [JobRuns(history.job, history.runs[:8])]
    first, again, other = (train(jobs, seed=seed, created_at=5.0) for seed in (1, 1, 2))
    assert again.manifest == first.manifest
    assert dump_weights(again.weights) == dump_weights(first.weights)
    assert dump_weights(other.weights) != dump_weights(first.weights)


def test_a_trained_model_can_be_written_and_read(trained):
    loaded = load_model(trained.manifest.to_json(), dump_weights(trained.weights))
    assert loaded.manifest == trained.manifest


def test_the_manifest_says_what_it_was_trained_on(history, trained):
    manifest: Manifest = trained.manifest
    assert (manifest.config, manifest.seed, manifest.created_at) == ("default", 1, 5.0)
    assert manifest.training_runs == 16
    assert manifest.latest_run_at == history.runs[15].started_at
    (job,) = manifest.jobs
    assert (job.job, job.runs, job.held_out) == (history.job, 16, 4)
    assert job.prior_percent > 0
    assert manifest.epochs > 0


def test_fine_tuning_learns_from_newer_runs_and_leaves_the_auto_encoder(history, trained):
    tuned = train([history], seed=1, created_at=9.0, start=trained)
    assert tuned.manifest.from_scratch_at == 5.0
    assert tuned.manifest.training_runs == 20
    same = {n for n, w in tuned.weights.items() if np.array_equal(w, trained.weights[n])}
    assert {n for n in tuned.weights if n.startswith(("encoder", "decoder"))} <= same
    assert "f2.output.weight" not in same


def test_fine_tuning_on_a_run_that_went_wrong_does_not_forget_the_others(history, trained):
    """One slow run alone would teach that all runs are slow."""
    last = history.runs[16]
    slow = [replace(c, added_s=3 * c.added_s) for c in last.components]
    stuck = replace(last, components=tuple(slow), runtime_s=3 * last.runtime_s)
    job = JobRuns(history.job, (*history.runs[:16], stuck))
    tuned = train([job], seed=1, created_at=9.0, start=trained)
    _, untuned = running_errors(opened(trained), history)
    prior, error = running_errors(opened(tuned), history)
    assert error < 0.6 * prior
    assert error < untuned + 0.03


def test_fine_tuning_that_makes_it_no_better_changes_nothing(history, trained, monkeypatch):
    def spoil(network, _parts, _steps, _after):
        with torch.no_grad():
            network.f2.output.bias.fill_(2.0)

    monkeypatch.setattr(trainer, "fine_tune", spoil)
    tuned = train([history], seed=1, created_at=9.0, start=trained)
    assert dump_weights(tuned.weights) == dump_weights(trained.weights)


def test_fine_tuning_judges_a_job_that_the_model_does_not_know_by_its_runs(history, trained):
    other = generated("input", 12, number=1)
    tuned = train([history, other], seed=1, created_at=9.0, start=trained)
    held_out = {job.job: job.held_out for job in tuned.manifest.jobs}
    assert held_out == {history.job: 4, other.job: 10}


def test_runs_of_other_code_are_learned_from_by_fine_tuning(history, trained):
    """They have no component in common with those before."""
    changed = [
        replace(run, components=tuple(replace(c, key=f"new {c.key}") for c in run.components))
        for run in history.runs[16:18]
    ]
    job = JobRuns(history.job, (*history.runs[:16], *changed))
    tuned = train([job], seed=1, created_at=9.0, start=trained)
    assert tuned.manifest.training_runs == 18


def test_fine_tuning_judges_the_whole_correction_however_it_was_trusted(history, trained):
    errors = set()
    for gate in (CLOSED, OPEN):
        manifest = replace(trained.manifest, pooled=gate)
        tuned = train([history], seed=1, created_at=9.0, start=replace(trained, manifest=manifest))
        errors |= {job.network_percent for job in tuned.manifest.jobs}
    assert len(errors) == 1


def test_there_is_nothing_to_fine_tune_on_without_newer_runs(history, trained):
    first = JobRuns(history.job, history.runs[:16])
    with pytest.raises(ValueError, match="from scratch"):
        train([first], seed=1, created_at=9.0, start=trained)


@pytest.mark.parametrize("runs", [0, 1, 7])
def test_too_few_runs_are_refused_with_what_to_do(history, runs):
    with pytest.raises(TooLittleHistory, match="Let the jobs run on"):
        train([JobRuns("few", history.runs[:runs])], seed=0, created_at=0.0)


def test_no_jobs_at_all_are_refused():
    with pytest.raises(ValueError, match="too few"):
        train([], seed=0, created_at=0.0)


def test_runs_without_a_component_in_common_are_too_little_history(history):
    runs = tuple(
        replace(run, components=tuple(replace(c, key=f"{n}, {c.key}") for c in run.components))
        for n, run in enumerate(history.runs[:10])
    )
    with pytest.raises(TooLittleHistory, match="a component in common"):
        train([JobRuns("all different", runs)], seed=0, created_at=0.0)


def test_progress_is_told_and_comes_to_its_end(history, monkeypatch):
    train_shortly(monkeypatch)
    told = []
    first = JobRuns(history.job, history.runs[:8])
    train([first], seed=0, created_at=0.0, progress=lambda *step: told.append(step))
    assert {what for what, _, _ in told} == {"examples", "older runs", "gate", "all runs"}
    assert all(0 < done <= of for _, done, of in told)
    assert told[-1][0] == "all runs"
    assert told[-1][1] == told[-1][2]


def test_the_network_of_the_paper_can_be_trained_too(history, monkeypatch):
    train_shortly(monkeypatch)
    first = JobRuns(history.job, history.runs[:8])
    made = train([first], config=PAPER, seed=0, created_at=0.0)
    assert made.weights["time_scale"] > 1
    assert all(np.isfinite(w).all() for w in made.weights.values())


def test_odd_histories_are_survived(history, monkeypatch):
    train_shortly(monkeypatch)
    runs = list(history.runs[:10])
    runs[1] = replace(runs[1], components=())
    runs[2] = replace(runs[2], components=runs[2].components[:2])
    runs[3] = replace(runs[3], components=tuple(replace(c, stages=()) for c in runs[3].components))
    runs[4] = replace(
        runs[4], components=tuple(replace(c, added_s=100 * c.added_s) for c in runs[4].components)
    )
    runs[5] = replace(runs[5], components=(*runs[5].components[1:], runs[5].components[0]))
    once = JobRuns("once", (history.runs[12],))
    never = JobRuns("never", ())
    made = train([JobRuns("odd", tuple(runs)), once, never], seed=0, created_at=0.0)
    assert all(np.isfinite(w).all() for w in made.weights.values())
    assert [job.job for job in made.manifest.jobs] == ["odd"]
