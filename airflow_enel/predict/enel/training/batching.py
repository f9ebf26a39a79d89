"""Collates the graphs of several runs into one graph: a training batch."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.config import PARTS
from airflow_enel.predict.enel.training.run_graph import NONE, RunGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.predict.enel.features.stage_graph import IntArray


def collate(graphs: Sequence[RunGraph]) -> RunGraph:
    """Several runs as one graph without edges between them.

    :raises ValueError: without a single graph
    """
    if not graphs:
        raise ValueError("there is no graph to merge")
    nodes = _offsets([g.component.size for g in graphs])
    components = _offsets([g.added_s.size for g in graphs])
    givens = _offsets([g.given_start.shape[0] for g in graphs])
    properties = _offsets([g.properties.shape[0] for g in graphs])
    moved = {
        "edges": [g.edges + n for g, n in zip(graphs, nodes, strict=False)],
        "component": [g.component + k for g, k in zip(graphs, components, strict=False)],
        "pool_property": [g.pool_property + p for g, p in zip(graphs, properties, strict=False)],
    }
    moved["pool_slot"], moved["previous"], moved["historical"] = [], [], []
    for index, graph in enumerate(graphs):
        own_nodes, own_components = graph.component.size, graph.added_s.size
        given = nodes[-1] - own_nodes + givens[index]
        row = graph.pool_slot // PARTS
        row = row + np.where(row < own_nodes, nodes[index], given)
        moved["pool_slot"].append(row * PARTS + graph.pool_slot % PARTS)
        for name in ("previous", "historical"):
            number = getattr(graph, name)
            later = components[-1] - own_components + givens[index]
            shift = np.where(number < own_components, components[index], later)
            moved[name].append(np.where(number == NONE, NONE, number + shift))
    arrays = {
        field.name: np.concatenate(
            moved.get(field.name) or [getattr(graph, field.name) for graph in graphs],
            axis=1 if field.name == "edges" else 0,
        )
        for field in fields(RunGraph)
    }
    return RunGraph(**arrays)


def _offsets(sizes: Sequence[int]) -> IntArray:
    """Start of each of several parts, and the end of the last."""
    offsets: IntArray = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return offsets
