"""Runs as tensors of torch, for the network that is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from airflow_enel.predict.enel.assembly import NONE, RunGraph
from airflow_enel.predict.enel.features import centre, scale_out

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.enel.config import EnelConfig


@dataclass(frozen=True, slots=True)
class GraphTensors:
    """A :class:`RunGraph` as tensors, with what depends on its shape alone worked out once.

    :param tensors: the fields of the graph
    :param start: vec(start) of the nodes, ``(n, 3)``
    :param end: vec(end) of the nodes, ``(n, 3)``
    :param component_start: vec(start) of the components, ``(k, 3)``
    :param component_end: vec(end) of the components, ``(k, 3)``
    :param moved: True where start and end of a node differ, ``(n,)``
    :param messages: edges to nodes from nodes, then summaries (numbered from n on), ``(2, m)``
    :param nodes_of: how many nodes each component has, ``(k, 1)``
    :param centre: what metrics are compared with, ``(n, 5)``
    """

    tensors: RunGraph
    start: Tensor
    end: Tensor
    component_start: Tensor
    component_end: Tensor
    moved: Tensor
    messages: Tensor
    nodes_of: Tensor
    centre: Tensor

    @classmethod
    def of(cls, graph: RunGraph, config: EnelConfig, dtype: torch.dtype = torch.float32) -> Self:
        """Tensors of a graph, of several runs if it is a merged one."""

        def tensor(array: NDArray[Any]) -> Tensor:
            made = torch.from_numpy(np.ascontiguousarray(array))
            return made.to(dtype) if made.is_floating_point() else made

        def vec(executors: NDArray[Any]) -> Tensor:
            return tensor(scale_out(executors, config.largest_executors))

        converted: dict[str, Any] = {
            of.name: tensor(getattr(graph, of.name)) for of in fields(RunGraph)
        }
        return cls(
            tensors=RunGraph(**converted),
            start=vec(graph.start),
            end=vec(graph.end),
            component_start=vec(graph.component_start),
            component_end=vec(graph.component_end),
            moved=tensor(graph.start != graph.end),
            messages=tensor(_messages(graph)),
            nodes_of=tensor(np.bincount(graph.component).astype(np.float64)[:, None]),
            centre=tensor(centre(graph.reference, graph.reference_mask)),
        )


def field(value: Any) -> Tensor:
    """A field of the graph of tensors, which the type of the graph takes for an array."""
    tensor: Tensor = value
    return tensor


def _messages(graph: RunGraph) -> NDArray[np.int64]:
    """Edges of (6) and (7): those of the graph, and from the summaries before to the roots."""
    roots = np.flatnonzero(graph.depth == 0)
    edges = [graph.edges]
    for number in (graph.previous, graph.historical):
        summary = number[graph.component[roots]]
        there = summary != NONE
        edges.append(np.stack([summary[there] + graph.component.size, roots[there]]))
    return np.concatenate(edges, axis=1)
