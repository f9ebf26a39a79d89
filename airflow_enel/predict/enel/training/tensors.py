"""Converts run graphs to torch tensors, with all that does not depend on weights precomputed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import csr_array  # type: ignore[import-untyped]
from torch import Tensor

from airflow_enel.predict.enel.config import METRICS, PARTS
from airflow_enel.predict.enel.features.measurements import centre, scale_out
from airflow_enel.predict.enel.training.metric_propagation import PropagationPlan
from airflow_enel.predict.enel.training.run_graph import NONE, RunGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class GraphTensors:
    """A :class:`RunGraph` as tensors, with all that does not depend on weights worked out once.

    Rows are nodes, then P of the components, then given summaries: ``r = n + k + g``.

    :param properties: distinct encoded properties, ``(p, 33)``
    :param property_share: how much of all properties each is, ``(p,)``
    :param pool: codes of properties to contexts of rows, ``(3r, p)``
    :param start: vec(start) of the rows, ``(r, 3)``
    :param end: vec(end) of the rows, ``(r, 3)``
    :param moved: nodes whose start and end differ, ``(v,)``
    :param rescaling: r, ``(n, 1)``
    :param messages: edges to nodes from rows, ``(2, m)``
    :param measured: metrics of the rows as messages carry them, with masks where these are
        inputs, ``(r, 5)`` or ``(r, 10)``
    :param centre: what metrics are compared with, ``(n, 5)``
    :param against_mask: 1 where a metric and its past are defined, ``(n, 5)``
    :param levels: nodes with predecessors in their component, depth by depth, ``(t,)``, and these
        predecessors, the last one repeated to fill the row, ``(t, …)``
    :param sinks: nodes of each component without successors, filled likewise, ``(k, …)``
    :param plan: for metrics step by step

    The others are those of :class:`RunGraph`; ``observed`` is ``(n, 1)``.
    """

    properties: Tensor
    property_share: Tensor
    pool: Pool
    start: Tensor
    end: Tensor
    moved: Tensor
    rescaling: Tensor
    messages: Tensor
    measured: Tensor
    observed: Tensor
    metrics: Tensor
    mask: Tensor
    centre: Tensor
    reference: Tensor
    against_mask: Tensor
    relative: Tensor
    prior_s: Tensor
    levels: tuple[tuple[Tensor, Tensor], ...]
    sinks: Tensor
    plan: PropagationPlan

    @classmethod
    def of(cls, graph: RunGraph, config: EnelConfig, dtype: torch.dtype = torch.float32) -> Self:
        """Tensors of a graph, of several runs if it is a merged one."""

        def tensor(array: NDArray[Any]) -> Tensor:
            made = torch.from_numpy(np.ascontiguousarray(array))
            return made.to(dtype) if made.is_floating_point() else made

        def vec(nodes: FloatArray, components: FloatArray, given: FloatArray) -> Tensor:
            executors = np.concatenate([nodes, components])
            return tensor(np.concatenate([scale_out(executors, config.largest_executors), given]))

        properties, index, count = np.unique(
            graph.properties, axis=0, return_inverse=True, return_counts=True
        )
        usual = centre(graph.reference, graph.reference_mask, graph.relative)
        messages, measured = _messages(graph), tensor(_measured(graph, usual, config))
        return cls(
            properties=tensor(properties),
            property_share=tensor(count / count.sum()),
            pool=Pool(_pool(graph, index.reshape(-1), len(properties)), dtype),
            start=vec(graph.start, graph.component_start, graph.given_start),
            end=vec(graph.end, graph.component_end, graph.given_end),
            moved=tensor(np.flatnonzero(graph.start != graph.end)),
            rescaling=tensor(graph.rescaling[:, None]),
            messages=tensor(messages),
            measured=measured,
            observed=tensor(graph.observed[:, None]),
            metrics=tensor(graph.metrics),
            mask=tensor(graph.mask),
            centre=tensor(usual),
            reference=tensor(graph.reference),
            against_mask=tensor(graph.reference_mask * graph.mask),
            relative=tensor(graph.relative),
            prior_s=tensor(graph.prior_s),
            levels=tuple((tensor(nodes), tensor(before)) for nodes, before in _levels(graph)),
            sinks=tensor(_sinks(graph)),
            plan=PropagationPlan.of(graph, messages, measured.numpy()),
        )

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.prior_s)


class Pool:
    """Contexts are weighted means of codes: a product with a matrix of mostly zeros.

    SciPy's is several times as fast as torch's, and needs no copy of the codes per term.

    :param matrix: ``(3r, p)``
    """

    def __init__(self, matrix: csr_array, dtype: torch.dtype) -> None:
        self.matrix = matrix.astype(torch.empty(0, dtype=dtype).numpy().dtype)

    def __call__(self, codes: Tensor) -> Tensor:
        """C of the rows, ``(r, 3M)``."""
        means: Tensor = _Product.apply(codes, self.matrix)  # type: ignore[no-untyped-call]
        return means.reshape(-1, PARTS * codes.shape[1])


class _Product(torch.autograd.Function):
    """The matrix of a pool times codes; torch learns the gradient of the codes."""

    @staticmethod
    def forward(ctx: Any, codes: Tensor, matrix: csr_array) -> Tensor:
        ctx.matrix = matrix
        return torch.from_numpy(matrix @ codes.detach().numpy())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(ctx.matrix.T @ gradients[0].contiguous().numpy()), None


def _pool(graph: RunGraph, index: IntArray, properties: int) -> csr_array:
    """Weights of distinct properties in the contexts of nodes, components, given summaries.

    :param index: distinct property of each property of the graph, ``(p,)``
    """
    nodes, components, given = _sizes(graph)
    row, part = np.divmod(graph.pool_slot, PARTS)
    of_node = row < nodes
    in_component = graph.component[row[of_node]]
    size = np.bincount(graph.component, minlength=components)
    rows = np.concatenate([np.where(of_node, row, row + components), nodes + in_component])
    values = np.concatenate([graph.pool_weight, graph.pool_weight[of_node] / size[in_component]])
    slot = rows * PARTS + np.concatenate([part, part[of_node]])
    column = index[graph.pool_property]
    column = np.concatenate([column, column[of_node]])
    shape = (nodes + components + given) * PARTS, properties
    return csr_array((values, (slot.astype(np.int32), column.astype(np.int32))), shape=shape)


def _messages(graph: RunGraph) -> IntArray:
    """Edges of (6) and (7): those of the graph, and from the summaries before to the roots."""
    roots = np.flatnonzero(graph.depth == 0)
    edges = [graph.edges]
    for number in (graph.previous, graph.historical):
        summary = number[graph.component[roots]]
        there = summary != NONE
        edges.append(np.stack([summary[there] + graph.component.size, roots[there]]))
    return np.concatenate(edges, axis=1)


def _measured(graph: RunGraph, usual: FloatArray, config: EnelConfig) -> FloatArray:
    """Metrics of the rows as messages carry them, once all are known."""
    off = (graph.metrics - usual if config.relative_metrics else graph.metrics) * graph.mask
    total, count = np.zeros((2, graph.added_s.size, len(METRICS)))
    np.add.at(total, graph.component, off)
    np.add.at(count, graph.component, graph.mask)
    rows = np.concatenate([off, total / np.maximum(count, 1.0), graph.given_metrics])
    if not config.mask_inputs:
        return rows
    return np.concatenate(
        [rows, np.concatenate([graph.mask, (count > 0).astype(np.float64), graph.given_mask])],
        axis=1,
    )


def _levels(graph: RunGraph) -> list[tuple[IntArray, IntArray]]:
    """Nodes with predecessors, depth by depth, and these."""
    source, target = graph.edges
    depth, found = graph.depth[target], []
    for level in range(1, int(graph.depth.max()) + 1):
        here = depth == level
        found.append(_filled(target[here], source[here]))
    return found


def _sinks(graph: RunGraph) -> IntArray:
    """Nodes of each component without successors."""
    sinks = np.setdiff1d(np.arange(graph.component.size), graph.edges[0])
    return _filled(graph.component[sinks], sinks)[1]


def _filled(key: IntArray, value: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct keys and their values, a row each; shorter rows repeat their last value.

    :param key: ascending
    """
    keys, first, count = np.unique(key, return_index=True, return_counts=True)
    column = np.arange(count.max(initial=0))
    return keys, value[first[:, None] + np.minimum(column, count[:, None] - 1)]


def _sizes(graph: RunGraph) -> tuple[int, int, int]:
    """N, k and g."""
    return graph.component.size, graph.added_s.size, len(graph.given_start)
