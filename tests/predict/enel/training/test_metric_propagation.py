"""Metrics step by step in NumPy: what the comparison with the equations does not reach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from airflow_enel.predict.enel.config import CONFIGS
from airflow_enel.predict.enel.inference.activation import shares_of
from airflow_enel.predict.enel.training.metric_propagation import PropagationPlan
from airflow_enel.predict.enel.training.run_graph import NONE
from tests.support.builders.graphs import random_graph, random_weights


@given(
    score=arrays(np.float64, st.integers(1, 12), elements=st.floats(-1e4, 1e4)),
    data=st.data(),
)
def test_shares_are_the_softmax_of_each_group(score, data):
    inner = data.draw(st.sets(st.integers(0, len(score) - 1)))
    groups = np.array(sorted(inner | {0}))
    expected = np.concatenate([softmax(part) for part in np.split(score, groups[1:])])
    np.testing.assert_allclose(shares_of(score, groups), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_node_without_any_predecessor_gets_what_is_learned_for_nothing(config):
    graph = random_graph(3, components=1)
    graph = replace(graph, previous=np.array([NONE]), historical=np.array([NONE]))
    measured = np.full((graph.component.size + 1 + 2, config.measured_length), 0.3)
    weights = {
        name.removeprefix("metrics."): weight
        for name, weight in random_weights(config).items()
        if name.startswith("metrics.")
    }
    x = np.random.default_rng(0).random((len(measured), config.edge_length))
    plan = PropagationPlan.of(graph, graph.edges, measured)
    made = plan.run(weights, x, relative=True)
    roots = graph.depth == 0
    np.testing.assert_allclose(made[roots], np.tile(np.tanh(weights["bias"]), (roots.sum(), 1)))
