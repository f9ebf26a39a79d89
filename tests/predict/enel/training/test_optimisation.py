"""Losses of a batch, and gradients through what is not torch's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("torch_geometric", reason="needs the extra train")

from airflow_enel.predict.enel.config import CONFIGS, DEFAULT  # noqa: E402
from airflow_enel.predict.enel.training.batching import collate  # noqa: E402
from airflow_enel.predict.enel.training.optimisation import (  # noqa: E402
    Targets,
    batches,
    error_of,
    loss_of,
    refresh,
)
from airflow_enel.predict.enel.training.tensors import GraphTensors  # noqa: E402
from airflow_enel.predict.enel.training.torch_network import EnelNetwork  # noqa: E402
from tests.support.builders.graphs import random_graph  # noqa: E402

both = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)


def test_every_example_counts_the_same_however_long_it_takes():
    actual = Targets.of(
        np.array([1.0, 3.0, 100.0]), np.array([2.0, 2.0, 50.0]), np.array([0, 0, 1])
    )
    np.testing.assert_allclose(actual.weight, [0.25, 0.25, 0.5])
    one_longer = actual.loss(torch.tensor([1.0, 3.0, 110.0]))
    other_longer = actual.loss(torch.tensor([1.1, 3.3, 100.0]))
    np.testing.assert_allclose(one_longer, other_longer, rtol=1e-4)


def test_what_is_unknown_has_no_part_in_the_loss():
    actual = Targets.of(np.array([2.0, np.nan]), np.array([1.0, 1.0]), np.array([0, 0]))
    seconds = torch.tensor([3.0, 1e6], requires_grad=True)
    actual.loss(seconds).backward()
    assert seconds.grad[0] > 0
    assert seconds.grad[1] == 0


def test_an_example_without_known_seconds_gives_no_loss():
    actual = Targets.of(np.array([np.nan, 2.0]), np.array([1.0, 1.0]), np.array([0, 1]))
    assert actual.loss(torch.tensor([5.0, 2.0])) == 0.0


def test_codes_of_shared_properties_have_the_right_gradient():
    graph = collate([random_graph(seed) for seed in range(2)])
    pool = GraphTensors.of(graph, DEFAULT, torch.float64).pool
    codes = torch.randn(pool.matrix.shape[1], 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pool, codes)


@both
def test_a_batch_loses_the_mean_of_its_examples(config):
    graphs = [random_graph(seed) for seed in range(3)]
    torch.manual_seed(0)
    network = EnelNetwork(config)
    together, alone = batches(graphs, network), batches(graphs, network, size=1)
    np.testing.assert_allclose(error_of(together, network), error_of(alone, network), rtol=1e-5)


def test_carried_metrics_are_those_of_use():
    graph = replace(random_graph(4, components=5), mask=np.ones_like(random_graph(4, 5).mask))
    network = EnelNetwork(DEFAULT)
    (batch,) = batches([graph], network)
    refresh([batch], network)
    in_use = network(batch.graph, propagate=True)
    carried = network(batch.graph, carried=batch.carried)
    torch.testing.assert_close(carried.node_s, in_use.node_s)
    everything, runtime = (loss_of(batch, carried, everything=of) for of in (True, False))
    assert everything > runtime
