"""The prior with a correction, and exactly the prior where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import Bounds, ModelUnusable, Progress
from airflow_enel.domain.context import RunContext
from airflow_enel.predict import Conditional
from airflow_enel.predict.enel.config import CONFIGS, DEFAULT
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.model import EnelModel
from tests.support.builders.graphs import random_weights
from tests.support.builders.staged_runs import staged_run
from tests.support.fakes.models import MANIFEST, gates, stored
from tests.support.processes.python import modules_loaded_by

BOUNDS = Bounds(2, 9)
JOB = "daily/rank"


def past(runs=8):
    made = []
    for number in range(runs):
        context = RunContext((("input_mib", 300 + 50 * number),))
        made.append(replace(staged_run(number, 2 + number % 5, 6), context=context))
    return made


def moments(input_mib=500):
    context = RunContext((("input_mib", input_mib),))
    run = staged_run(20, 4, 6)
    yield Progress.at_start(BOUNDS, context)
    for count in range(1, 7):
        finished = run.components[:count]
        elapsed_s = 1.5 + sum(c.added_s or 0.0 for c in finished)
        running = None
        if count < 6:
            running = replace(run.components[count], finished_at=None, added_s=None)
        yield Progress(elapsed_s, finished, running, 4, 4, 0, count, (), 0.0, True, context=context)


def model(gate=1.0, weights=None, config=DEFAULT):
    manifest = replace(MANIFEST, config=config.name, jobs=(), pooled=gates(gate))
    return EnelModel(manifest, config, random_weights(config) if weights is None else weights)


def silent():
    weights = random_weights(DEFAULT)
    weights["f2.output.weight"][:], weights["f2.output.bias"][:] = 0, 0
    return weights


def input_only(elasticity):
    """A network that knows one thing: input makes runs longer."""
    weights = silent()
    weights["f2.output.bias"][6] = elasticity
    return weights


@pytest.mark.parametrize("made", [None, model(gate=0.0)], ids=["no model", "gate closed"])
def test_without_a_trusted_model_it_is_exactly_the_prior(made):
    prior, enel = Conditional().fit(past()), Enel(made, JOB).fit(past())
    for progress in moments():
        expected = prior.predict(progress, BOUNDS)
        assert enel.predict(progress, BOUNDS) == replace(expected, forecaster="enel")


def test_an_untrained_network_is_the_prior():
    prior, enel = Conditional().fit(past()), Enel(model(weights=silent()), JOB).fit(past())
    for progress in moments():
        expected = prior.predict(progress, BOUNDS)
        made = enel.predict(progress, BOUNDS)
        np.testing.assert_allclose(made.median_s, expected.median_s, rtol=1e-9)
        np.testing.assert_allclose(made.log_sd, expected.log_sd, rtol=1e-9)


def test_a_correction_counts_as_far_as_its_gate():
    for progress in moments(800):
        prior, half, whole = (
            np.log(Enel(made, JOB).fit(past()).predict(progress, BOUNDS).median_s)
            for made in (None, model(0.5, input_only(1.0)), model(1.0, input_only(1.0)))
        )
        np.testing.assert_allclose(half, (prior + whole) / 2)


def test_each_phase_has_its_own_gate():
    manifest = model().manifest
    made = replace(model(), manifest=replace(manifest, pooled=gates(1.0, 0.0, 1.0)))
    enel, prior = Enel(made, JOB).fit(past()), Enel(None, JOB).fit(past())
    same = [enel.predict(p, BOUNDS) == prior.predict(p, BOUNDS) for p in moments(800)]
    assert not same[0]
    assert not same[3]
    manifest = replace(manifest, pooled=gates(1.0, 0.0, 0.0))
    enel = Enel(replace(model(), manifest=manifest), JOB).fit(past())
    same = [enel.predict(p, BOUNDS) == prior.predict(p, BOUNDS) for p in moments(800)]
    assert same == [False] + [True] * 6


def test_what_context_explains_is_not_believed_twice():
    """Runs in proportion to their input and to their day: this run is late by input alone."""

    def run(number, factor, day=1.0):
        made = staged_run(number, 2 + number % 5, 6)
        components = tuple(replace(c, added_s=c.added_s * factor * day) for c in made.components)
        context = RunContext((("input_mib", round(1000 * factor)),))
        runtime_s = sum(c.added_s for c in components)
        return replace(made, components=components, context=context, runtime_s=runtime_s)

    rng = np.random.default_rng(0)
    factors, days = np.exp(rng.uniform(-0.7, 0.7, 12)), np.exp(rng.normal(0, 0.15, 12))
    enel = Enel(model(1.0, input_only(1.0)), JOB)
    enel.fit([run(number, *of) for number, of in enumerate(zip(factors, days, strict=True))])
    present = run(12, 2.0)
    size = present.initial_executors
    for count in range(6):
        progress = Progress.at_start(BOUNDS, present.context)
        left_s = sum(c.added_s for c in present.components[count:])
        if count:
            progress = replace(
                progress,
                finished=present.components[:count],
                elapsed_s=present.runtime_s - left_s,
                executors=size,
                epoch=count,
            )
        assert enel.predict(progress, BOUNDS).median(size) == pytest.approx(left_s, rel=0.15)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
@pytest.mark.parametrize("runs", [1, 2, 8])
def test_any_network_gives_finite_forecasts(config, runs):
    enel = Enel(model(config=config), JOB).fit(past(runs))
    for progress in moments(10**9):
        made = enel.predict(progress, BOUNDS)
        assert np.isfinite(made.median_s).all()
        assert (np.array(made.median_s) > 0).all()
        assert np.isfinite(made.log_sd).all()


def test_the_order_of_past_runs_does_not_matter():
    forward, backward = (Enel(model(), JOB).fit(runs) for runs in (past(), past()[::-1]))
    for progress in moments():
        assert forward.predict(progress, BOUNDS) == backward.predict(progress, BOUNDS)


@pytest.mark.processes
def test_forecasting_never_imports_torch():
    loaded = modules_loaded_by(
        "import airflow_enel.predict.enel.forecaster, airflow_enel.predict.enel.model"
    )
    assert not {"torch", "torch_geometric"} & loaded


def test_a_stored_model_comes_with_the_gate_of_the_job():
    trained, wanted = stored(), Enel.model_format
    assert trained.verified(wanted.kind, wanted.schema_version) is trained
    for job, gate in (("dag/job", "gate=1,"), ("dag/other", "gate=0.5,")):
        assert gate in repr(Enel().with_model(trained, job))


def test_a_stored_model_that_cannot_be_read_is_refused():
    with pytest.raises(ModelUnusable):
        Enel().with_model(replace(stored(), weights=b"no safetensors"), JOB)
