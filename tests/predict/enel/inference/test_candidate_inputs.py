"""What a decision reads of the history against the run it stands for, put together for torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain.context import RunContext
from airflow_enel.predict.enel.config import CONFIGS, DEFAULT
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, RunFeatures
from airflow_enel.predict.enel.inference.candidate_inputs import Moment, SweepBuilder
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.training.batching import collate
from airflow_enel.predict.enel.training.run_graph import NONE, run_graph
from tests.support.builders.graphs import random_weights, stacked
from tests.support.builders.staged_runs import staged_run

CANDIDATES = (2, 4, 8, 9)
CONTEXT = (("engine", "spark 3"), ("input_mib", 500))
JOB = "daily ranking"
both = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)


def past(components=6):
    made = []
    for number in range(8):
        context = RunContext((CONTEXT[0], ("input_mib", 400 + number)))
        run = replace(staged_run(number, 2 + number % 5, components), context=context)
        made.append(RunFeatures.of(run, JOB))
    return made


def imagined(history, present, finished, now, executors):
    """The run as the sweep takes it: templates at the present and the candidate scale-out."""
    components = list(present.components[:finished])
    for graph in present.components[finished:]:
        of = history.component(graph.identity)
        start = executors if len(components) > finished else now
        nodes = np.full(of.template.size, float(start))
        moved = float(start != executors)
        template = replace(
            of.template,
            start=float(start),
            end=float(executors),
            node_start=nodes,
            node_end=np.full(of.template.size, float(executors)),
            rescaling=np.full(of.template.size, of.rescaling * moved),
            mask=of.expected_mask,
        )
        components.append(template)
    return replace(present, components=tuple(components))


@both
@pytest.mark.parametrize("finished", [0, 1, 3, 5])
@pytest.mark.parametrize("now", [3, 8])
def test_a_sweep_is_the_run_at_every_candidate(config, finished, now):
    runs = past()
    history = JobHistory.of(runs[:-1], config)
    present = replace(runs[-1], context=CONTEXT)
    inference = EnelInference(config, random_weights(config))
    remaining = [graph.identity for graph in present.components[finished:]]
    prior_s = np.random.default_rng(0).uniform(5, 20, (len(CANDIDATES), len(remaining)))
    last = present.components[finished - 1] if finished else None
    moment = Moment(CONTEXT, last, now, history.metrics_off(present.components[:finished]))
    builder = SweepBuilder(inference, history, CANDIDATES)
    made = inference.sweep(builder.inputs(remaining, moment, prior_s))
    graphs = []
    for index, executors in enumerate(CANDIDATES):
        run = imagined(history, present, finished, now, executors)
        prior = np.concatenate([np.ones(finished), prior_s[index]])
        graphs.append(run_graph(run, history, config, prior, finished))
    for index, graph in enumerate(graphs):  # their first parts differ only where nothing reads it
        whole = inference.sweep(stacked(inference, [graph]))
        np.testing.assert_allclose(made.component_s[index], whole.component_s[0, finished:])


def test_a_residual_network_that_says_nothing_gives_the_prior():
    weights = random_weights(DEFAULT)
    weights["f2.output.weight"][:], weights["f2.output.bias"][:] = 0, 0
    inference = EnelInference(DEFAULT, weights)
    history = JobHistory.of(past(), DEFAULT)
    builder = SweepBuilder(inference, history, CANDIDATES)
    remaining = [("step 1", 0), ("step 3", 0)]
    prior_s = np.arange(8.0).reshape(4, 2) + 1
    made = inference.sweep(builder.inputs(remaining, Moment((), None, 4), prior_s))
    np.testing.assert_allclose(made.component_s, prior_s)


def test_before_any_executor_every_candidate_starts_where_it_ends():
    builder = SweepBuilder(
        EnelInference(DEFAULT, random_weights(DEFAULT)), JobHistory.of(past(), DEFAULT), CANDIDATES
    )
    inputs = builder.inputs([("step 0", 0)], Moment((), None, None), np.ones((4, 1)))
    assert not inputs.moved.any()


def test_a_sweep_leaves_what_it_remembers_as_it_was():
    inference = EnelInference(DEFAULT, random_weights(DEFAULT))
    builder = SweepBuilder(inference, JobHistory.of(past(), DEFAULT), CANDIDATES)
    remaining = [(f"step {k}", 0) for k in range(3)]
    ask = Moment(CONTEXT, None, 4)
    first = inference.sweep(builder.inputs(remaining, ask, np.ones((4, 3)))).component_s
    builder.inputs(remaining, Moment((), past()[0].components[2], 9), np.ones((4, 3)))
    again = inference.sweep(builder.inputs(remaining, ask, np.ones((4, 3)))).component_s
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("remaining", [[], [("never", 0)]])
def test_only_components_of_past_runs_can_be_asked_for(remaining):
    inference = EnelInference(DEFAULT, random_weights(DEFAULT))
    builder = SweepBuilder(inference, JobHistory.of(past(), DEFAULT), CANDIDATES)
    with pytest.raises(ValueError, match="past run"):
        builder.inputs(remaining, Moment((), None, 4), np.ones((4, len(remaining))))


@both
@pytest.mark.parametrize(
    "context", [(("Ü", "日本"), ("n", -5), ("huge", 10**60), ("empty", ""), ("x", 1e308))]
)
def test_odd_contexts_and_a_changed_last_component_give_finite_seconds(config, context):
    inference = EnelInference(config, random_weights(config))
    builder = SweepBuilder(inference, JobHistory.of(past(), config), CANDIDATES)
    odd = ComponentGraph.of(staged_run(9, 4).components[1], "\ud800")
    odd = replace(odd, identity=("new", 0), start=0.0)
    inputs = builder.inputs([("step 2", 0)], Moment(context, odd, 1000), np.ones((4, 1)))
    assert np.isfinite(inference.sweep(inputs).component_s).all()


def test_a_run_without_any_history_still_makes_an_example():
    run = past()[0]
    graph = run_graph(run, JobHistory.of([], DEFAULT), DEFAULT, np.ones(6), 2)
    assert (graph.historical == NONE).all()
    assert graph.previous[0] == NONE
    assert graph.observed.sum() == 6


def test_an_example_keeps_from_the_network_how_its_time_was_shared():
    runs = past()
    history = JobHistory.of(runs[:-1], DEFAULT)
    slower = [
        replace(g, runtime_s=g.runtime_s * np.arange(1, g.size + 1)) for g in runs[-1].components
    ]
    prior_s = np.ones(6)
    same = run_graph(runs[-1], history, DEFAULT, prior_s, 0)
    other = run_graph(replace(runs[-1], components=tuple(slower)), history, DEFAULT, prior_s, 0)
    np.testing.assert_array_equal(same.prior_s, other.prior_s)


def test_nothing_cannot_be_merged():
    with pytest.raises(ValueError, match="no graph"):
        collate([])
