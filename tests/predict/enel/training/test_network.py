"""The network against loops written from the equations, and in NumPy against torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("torch_geometric", reason="needs the extra train")

from airflow_enel.predict.enel.config import CONFIGS, DEFAULT, PAPER, parameters  # noqa: E402
from airflow_enel.predict.enel.inference.numpy_network import EnelInference  # noqa: E402
from airflow_enel.predict.enel.training.batching import collate  # noqa: E402
from airflow_enel.predict.enel.training.tensors import GraphTensors  # noqa: E402
from airflow_enel.predict.enel.training.torch_network import EnelNetwork  # noqa: E402
from tests.predict.enel.reference import Reference  # noqa: E402
from tests.support.builders.graphs import (  # noqa: E402
    at_other_scale_out,
    random_graph,
    random_weights,
    stacked,
)
from tests.support.processes.python import modules_loaded_by  # noqa: E402

both = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def exactly(config, seed=0):
    """The network in float64: parameters that were never rounded to float32."""
    network = EnelNetwork(config).double()
    network.load_state_dict({n: torch.tensor(w) for n, w in random_weights(config, seed).items()})
    return network


def tensors(graph, config):
    return GraphTensors.of(graph, config, torch.float64)


def predict(network, graph, *, propagate=True):
    with torch.no_grad():
        return network(tensors(graph, network.config), propagate=propagate)


def lost(network, graph):
    """Mean squared error of all properties."""
    with torch.no_grad():
        off = network(graph).reconstruction - graph.properties
    return float(off.square().mean(dim=1) @ graph.property_share)


@both
@pytest.mark.parametrize("seed", range(12))
def test_full_propagation_is_the_equations(config, seed):
    graph, weights = random_graph(seed), random_weights(config, seed)
    expected = Reference(config, weights, graph)
    made = predict(exactly(config, seed), graph)
    np.testing.assert_allclose(made.used_metrics, expected.metrics, **CLOSE)
    np.testing.assert_allclose(made.node_s, expected.node_s, **CLOSE)
    np.testing.assert_allclose(made.component_s, expected.component_s, **CLOSE)


@both
@pytest.mark.parametrize("seed", range(25))
def test_numpy_equals_torch_at_every_candidate(config, seed):
    inference = EnelInference(config, random_weights(config, seed))
    graphs = [random_graph(seed)]
    graphs += [at_other_scale_out(graphs[0], seed * 10 + other) for other in range(1, 4)]
    made = inference.sweep(stacked(inference, graphs))
    network = exactly(config, seed)
    for index, graph in enumerate(graphs):
        expected = predict(network, graph)
        np.testing.assert_allclose(made.metrics[index], expected.used_metrics, **CLOSE)
        np.testing.assert_allclose(made.node_s[index], expected.node_s, **CLOSE)
        np.testing.assert_allclose(made.component_s[index], expected.component_s, **CLOSE)


@both
def test_a_step_of_training_predicts_from_the_measured_metrics(config):
    graph = random_graph(5, components=4)
    network = exactly(config)
    everything = predict(network, replace(graph, observed=np.ones_like(graph.observed)))
    at_once = predict(network, graph, propagate=False)
    np.testing.assert_allclose(at_once.predicted_metrics, everything.predicted_metrics, **CLOSE)
    observed = torch.tensor(graph.observed)
    given = torch.tensor(graph.metrics * graph.mask)
    assert torch.equal(at_once.used_metrics[observed], given[observed])


@both
def test_one_step_ahead_both_ways_agree(config):
    graph = random_graph(3, components=1)
    first = graph.depth == 0
    graph = replace(graph, observed=~first)
    network = exactly(config)
    np.testing.assert_allclose(
        predict(network, graph, propagate=True).node_s,
        predict(network, graph, propagate=False).node_s,
        **CLOSE,
    )


@both
@pytest.mark.parametrize("propagate", [False, True])
def test_runs_in_a_batch_do_not_touch_each_other(config, propagate):
    graphs = [random_graph(seed) for seed in range(4)]
    network = exactly(config)
    together = predict(network, collate(graphs), propagate=propagate)
    alone = [predict(network, graph, propagate=propagate) for graph in graphs]
    for name in ("node_s", "component_s", "predicted_metrics"):
        expected = torch.cat([getattr(one, name) for one in alone])
        np.testing.assert_allclose(getattr(together, name), expected, **CLOSE)


@both
def test_properties_that_runs_share_are_reconstructed_once(config):
    graphs = [random_graph(seed) for seed in range(3)]
    graphs[1] = replace(graphs[1], properties=graphs[0].properties)
    network, together = exactly(config), tensors(collate(graphs), config)
    alone = [tensors(graph, config) for graph in graphs]
    assert len(together.properties) == 12
    expected = np.mean([lost(network, graph) for graph in alone])
    np.testing.assert_allclose(lost(network, together), expected, **CLOSE)


@both
def test_torch_learns_as_many_parameters_as_the_configuration_counts(config):
    learned = sum(p.numel() for p in EnelNetwork(config).parameters())
    assert learned == parameters(config)


def test_untrained_default_network_is_the_prior():
    graph = random_graph(8, components=5)
    made = predict(EnelNetwork(DEFAULT).double(), graph)
    np.testing.assert_array_equal(made.node_s, graph.prior_s)


def test_untrained_default_network_expects_a_run_to_go_on_as_it_has_begun():
    graph = random_graph(8, components=5)
    made = predict(EnelNetwork(DEFAULT).double(), graph)
    ahead = (graph.mask * graph.reference_mask * ~graph.observed[:, None]) > 0
    expected = graph.reference + graph.relative[:, -5:]
    assert ahead.any()
    np.testing.assert_allclose(made.used_metrics.numpy()[ahead], expected[ahead], **CLOSE)


@both
def test_every_parameter_gets_a_gradient(config):
    network = exactly(config)
    made = network(tensors(random_graph(2, components=6), config))
    loss = made.component_s.log().sum() + made.predicted_metrics.sum()
    (loss + made.reconstruction.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@both
def test_weights_survive_the_way_to_numpy_and_back(config):
    network = EnelNetwork(config)
    again = EnelNetwork.of(config, network.weights())
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_paper_network_is_positive_and_scales_with_its_time_scale():
    graph, weights = random_graph(1), random_weights(PAPER)
    inference = EnelInference(PAPER, weights)
    doubled = EnelInference(PAPER, weights | {"time_scale": 2 * weights["time_scale"]})
    made = inference.sweep(stacked(inference, [graph])).component_s
    assert (made > 0).all()
    twice = doubled.sweep(stacked(doubled, [graph])).component_s
    np.testing.assert_allclose(twice, 2 * made)


@pytest.mark.parametrize("metrics", ["none", "zero"])
@both
def test_metrics_that_are_missing_or_all_zero_give_finite_seconds(config, metrics):
    graph = random_graph(4, components=5)
    nothing = np.zeros_like(graph.metrics)
    graph = replace(graph, metrics=nothing, mask=nothing if metrics == "none" else graph.mask)
    inference = EnelInference(config, random_weights(config))
    made = inference.sweep(stacked(inference, [graph]))
    assert np.isfinite(made.component_s).all()
    np.testing.assert_allclose(made.node_s[0], predict(exactly(config), graph).node_s, **CLOSE)


@pytest.mark.parametrize("spoil", ["missing", "shape", "nan", "foreign"])
def test_weights_of_another_network_are_refused(spoil):
    weights = random_weights(DEFAULT)
    if spoil == "missing":
        del weights["f2.hidden.bias"]
    elif spoil == "shape":
        weights["f1.hidden.weight"] = weights["f1.hidden.weight"][:, 1:]
    elif spoil == "nan":
        weights["metrics.bias"] = np.full(5, np.nan)
    else:
        weights["f5.weight"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"weight|network"):
        EnelInference(DEFAULT, weights)


@pytest.mark.processes
def test_predicting_never_imports_torch():
    loaded = modules_loaded_by(
        "import airflow_enel.predict.enel.inference.candidate_inputs;"
        "import airflow_enel.predict.enel.inference.numpy_network"
    )
    assert not {"torch", "torch_geometric", "sklearn"} & loaded
