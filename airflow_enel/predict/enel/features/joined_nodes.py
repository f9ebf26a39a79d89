"""Stage graphs of several components as one graph: node arrays for inference and for training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.features.job_history import path_shares_of, reference_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.predict.enel.features.job_history import ComponentHistory
    from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, IntArray
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class JoinedNodes:
    """``n`` nodes of ``k`` components in a row, sorted by component, then by depth.

    :param component: of each node, ``(n,)``
    :param depth: of each node in its component, 0 for roots, ``(n,)``
    :param edges: sources and targets, sorted by target, ``(2, e)``
    :param start: executors at its start, ``(n,)``
    :param end: executors at its end, ``(n,)``
    :param rescaling: r, ``(n,)``
    :param metrics: measured ones, ``(n, 5)``
    :param mask: 1 where a metric was measured, ``(n, 5)``
    :param reference: mean metrics of the past, ``(n, 5)``
    :param reference_mask: 1 where there is one, ``(n, 5)``
    :param shares: of the node in the longest path of its component in the past, ``(n,)``
    """

    component: IntArray
    depth: IntArray
    edges: IntArray
    start: FloatArray
    end: FloatArray
    rescaling: FloatArray
    metrics: FloatArray
    mask: FloatArray
    reference: FloatArray
    reference_mask: FloatArray
    shares: FloatArray

    @classmethod
    def of(cls, graphs: Sequence[ComponentGraph], past: Sequence[ComponentHistory | None]) -> Self:
        """Join the graphs of components; there must be one.

        :param past: history of each component, None where no past run had it
        """
        pairs = list(zip(graphs, past, strict=True))
        sizes = np.array([graph.size for graph in graphs], dtype=np.int64)
        references = [reference_of(*pair) for pair in pairs]
        return cls(
            component=np.repeat(np.arange(len(graphs)), sizes),
            depth=np.concatenate([graph.depth for graph in graphs]),
            edges=_edges(graphs),
            start=np.concatenate([graph.node_start for graph in graphs]),
            end=np.concatenate([graph.node_end for graph in graphs]),
            rescaling=np.concatenate([graph.rescaling for graph in graphs]),
            metrics=np.concatenate([graph.metrics for graph in graphs]),
            mask=np.concatenate([graph.mask for graph in graphs]),
            reference=np.concatenate([reference for reference, _ in references]),
            reference_mask=np.concatenate([mask for _, mask in references]),
            shares=np.concatenate([path_shares_of(*pair) for pair in pairs]),
        )


def _edges(graphs: Sequence[ComponentGraph]) -> IntArray:
    """Edges of components one after the other, numbered through, ``(2, e)``."""
    pairs, offset = [], 0
    for graph in graphs:
        pairs += [(offset + source, offset + target) for source, target in graph.edges]
        offset += graph.size
    return np.array(pairs, dtype=np.int64).reshape(-1, 2).T
