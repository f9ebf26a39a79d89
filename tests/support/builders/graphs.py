"""Graphs made up for tests: components of 1–5 stages, diamonds, several roots and sinks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from airflow_enel.predict.enel.config import (
    PROPERTY_LENGTH,
    RELATIVE_LENGTH,
    EnelConfig,
    layers,
)
from airflow_enel.predict.enel.features.measurements import scale_out
from airflow_enel.predict.enel.inference.graph_layout import Layout
from airflow_enel.predict.enel.inference.inputs import SummaryInputs, SweepInputs
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.training.run_graph import NONE, RunGraph

DIAMOND = ((0, 1), (0, 2), (1, 3), (2, 3))


def random_weights(config: EnelConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of every layer, the last ones included, so that nothing is 0 by chance."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {"time_scale": np.array(7.5)}
    for layer in layers(config):
        vector = len(layer.shape) == 1
        inputs = layer.shape[-1]
        name = layer.name if vector else f"{layer.name}.weight"
        made[name] = rng.normal(0, inputs**-0.5, layer.shape)
        if layer.bias:
            made[f"{layer.name}.bias"] = rng.normal(0, 0.3, layer.shape[0])
    return made


def random_component(rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Depths and edges of one component, nodes sorted by depth, edges by target."""
    size = int(rng.integers(1, 6))
    if size == 4 and rng.random() < 0.5:
        edges = list(DIAMOND)
    else:
        edges = [(i, j) for j in range(size) for i in range(j) if rng.random() < 0.4]
    depth = np.zeros(size, dtype=np.int64)
    for source, target in edges:
        depth[target] = max(depth[target], depth[source] + 1)
    order = np.argsort(depth, kind="stable")
    rank = np.argsort(order)
    moved = sorted(((int(rank[i]), int(rank[j])) for i, j in edges), key=lambda e: (e[1], e[0]))
    return depth[order], moved


def random_graph(seed: int, components: int | None = None, partly: bool = True) -> RunGraph:
    """A run; some metrics are missing, some nodes observed, some summaries absent."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 7)) if components is None else components
    parts = [random_component(rng) for _ in range(count)]
    sizes = np.array([depth.size for depth, _ in parts])
    first = np.cumsum(sizes) - sizes
    edges = [(first[k] + i, first[k] + j) for k, (_, pairs) in enumerate(parts) for i, j in pairs]
    component = np.repeat(np.arange(count), sizes)
    depth = np.concatenate([depth for depth, _ in parts])
    depths = np.array([depth.max() + 1 for depth, _ in parts])
    n, given = component.size, 2 * count
    rows = n + given
    pool = [
        (row * 3 + part, int(rng.integers(6)))
        for row in range(rows)
        for part in range(3)
        for _ in range(int(rng.integers(0, 4)))
    ]
    slot = np.array([s for s, _ in pool], dtype=np.int64)
    historical = np.where(rng.random(count) < 0.8, count + rng.integers(0, given, count), NONE)
    previous = np.arange(-1, count - 1)
    previous[0] = count if rng.random() < 0.7 else NONE
    start = rng.integers(1, 40, n).astype(float)
    component_start = rng.integers(1, 40, count).astype(float)
    mask = (rng.random((n, 5)) < 0.8).astype(float) * (rng.random((n, 1)) < 0.9)
    return RunGraph(
        properties=rng.random((6, PROPERTY_LENGTH)),
        pool_slot=slot,
        pool_property=np.array([p for _, p in pool], dtype=np.int64),
        pool_weight=1.0 / np.bincount(slot, minlength=rows * 3)[slot],
        edges=np.array(edges, dtype=np.int64).reshape(-1, 2).T,
        component=component,
        depth=depth,
        step=depth + (np.cumsum(depths) - depths)[component],
        start=start,
        end=np.where(rng.random(n) < 0.5, start, rng.integers(1, 40, n)).astype(float),
        rescaling=rng.random(n),
        observed=(rng.random(n) < 0.3) & partly,
        metrics=rng.random((n, 5)),
        mask=mask,
        measured=mask,
        reference=rng.random((n, 5)),
        reference_mask=(rng.random((n, 5)) < 0.7).astype(float),
        relative=rng.normal(0, 0.5, (n, RELATIVE_LENGTH)),
        prior_s=rng.uniform(1, 30, n),
        runtime_s=rng.uniform(1, 30, n),
        added_s=rng.uniform(1, 60, count),
        component_start=component_start,
        component_end=np.where(rng.random(count) < 0.5, component_start, 9.0),
        previous=previous.astype(np.int64),
        historical=historical.astype(np.int64),
        given_start=scale_out(rng.integers(1, 40, given)),
        given_end=scale_out(rng.integers(1, 40, given)),
        given_metrics=rng.random((given, 5)),
        given_mask=(rng.random((given, 5)) < 0.8).astype(float),
    )


def at_other_scale_out(graph: RunGraph, seed: int) -> RunGraph:
    """The same run at another candidate: what a candidate may change is changed."""
    rng = np.random.default_rng(seed)
    n, k, g = graph.component.size, graph.added_s.size, graph.given_start.shape[0]
    start = rng.integers(1, 40, n).astype(float)
    return replace(
        graph,
        start=start,
        end=np.where(rng.random(n) < 0.5, start, 12.0),
        rescaling=rng.random(n),
        prior_s=rng.uniform(1, 30, n),
        component_start=rng.integers(1, 40, k).astype(float),
        component_end=rng.integers(1, 40, k).astype(float),
        given_start=scale_out(rng.integers(1, 40, g)),
        given_end=scale_out(rng.integers(1, 40, g)),
        given_metrics=rng.random((g, 5)),
        given_mask=(rng.random((g, 5)) < 0.8).astype(float),
    )


def stacked(inference: EnelInference, graphs: list[RunGraph]) -> SweepInputs:
    """Graphs of one run, one per candidate, as the inputs of a sweep."""
    graph = graphs[0]
    k, n = graph.added_s.size, graph.component.size
    contexts = [_contexts(inference, of) for of in graphs]
    largest = inference.config.largest_executors

    def vec(name: str) -> np.ndarray:
        return np.stack([scale_out(getattr(g, name), largest) for g in graphs], axis=1)

    def nodes(name: str) -> np.ndarray:
        return np.stack([getattr(g, name) for g in graphs], axis=1)

    def summaries(number: np.ndarray) -> SummaryInputs:
        row = np.maximum(number - k, 0)
        given = {
            name: np.stack([getattr(g, f"given_{name}")[row] for g in graphs], axis=1)
            for name in ("start", "end", "metrics", "mask")
        }
        context = np.stack([c[n:][row] for c in contexts], axis=1)
        return SummaryInputs(context=context, present=number != NONE, **given)

    return SweepInputs(
        layout=Layout.of(graph.component, graph.depth, graph.edges, graph.observed),
        context=contexts[0][:n],
        start=vec("start"),
        end=vec("end"),
        moved=nodes("start") != nodes("end"),
        rescaling=nodes("rescaling"),
        metrics=graph.metrics,
        mask=graph.mask,
        reference=graph.reference,
        reference_mask=graph.reference_mask,
        relative=graph.relative,
        prior_s=nodes("prior_s"),
        component_start=vec("component_start"),
        component_end=vec("component_end"),
        first=summaries(graph.previous[:1]),
        historical=summaries(graph.historical),
    )


def _contexts(inference: EnelInference, graph: RunGraph) -> np.ndarray:
    codes = inference.codes(graph.properties)
    rows = graph.component.size + graph.given_start.shape[0]
    means = np.zeros((rows * 3, codes.shape[1]))
    np.add.at(means, graph.pool_slot, codes[graph.pool_property] * graph.pool_weight[:, None])
    return means.reshape(rows, -1)
