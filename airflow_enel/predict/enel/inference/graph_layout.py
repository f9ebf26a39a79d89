"""Order of computation of a stage graph, shared by all candidates and forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.samples import BoolArray


@dataclass(frozen=True, slots=True)
class Level:
    """Nodes of one depth of one component, and the edges that end at them.

    :param nodes: where they lie
    :param edges: where their edges lie, empty for roots
    :param groups: where each node's edges begin among these
    :param single: True if every node has one edge
    :param roots: where they lie among the roots, None if they are none
    :param open: True if the metrics of any are not given
    :param given: those whose metrics are
    """

    nodes: slice
    edges: slice
    groups: IntArray
    single: bool
    roots: slice | None
    open: bool
    given: IntArray


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a sequence of components with ``n`` nodes.

    :param component: of each node, ascending, ``(n,)``
    :param depth: of each node in its component, ascending within it, ``(n,)``
    :param observed: True where metrics are given, ``(n,)``
    :param source: of each edge, ``(e,)``
    :param target: of each edge, ascending, ``(e,)``
    :param roots: nodes of depth 0, ``(r,)``
    :param first: first node of each component, ``(k,)``
    :param targets: distinct targets, ``(t,)``
    :param target_groups: where the edges of each begin, ``(t,)``
    :param levels: of each component, ``k`` of them
    """

    component: IntArray
    depth: IntArray
    observed: BoolArray
    source: IntArray
    target: IntArray
    roots: IntArray
    first: IntArray
    targets: IntArray
    target_groups: IntArray
    levels: tuple[tuple[Level, ...], ...]

    @classmethod
    def of(cls, component: IntArray, depth: IntArray, edges: IntArray, observed: BoolArray) -> Self:
        """The layout of nodes sorted by component and depth, edges ``(2, e)`` by target."""
        source, target = edges
        targets, target_groups = np.unique(target, return_index=True)
        first = np.flatnonzero(np.diff(component, prepend=-1))
        roots = np.flatnonzero(depth == 0)
        return cls(
            component=component,
            depth=depth,
            observed=observed,
            source=source,
            target=target,
            roots=roots,
            first=first,
            targets=targets,
            target_groups=target_groups,
            levels=_levels(component, depth, target, observed),
        )


def _levels(
    component: IntArray, depth: IntArray, target: IntArray, observed: BoolArray
) -> tuple[tuple[Level, ...], ...]:
    """Nodes of equal component and depth lie side by side, and so do their edges."""
    begins = np.flatnonzero(np.diff(component, prepend=-1) | np.diff(depth, prepend=-1))
    ends = np.append(begins[1:], component.size)
    found: list[list[Level]] = [[] for _ in range(int(component[-1]) + 1)]
    first_edges, given = np.flatnonzero(np.diff(target, prepend=-1)), np.flatnonzero(observed)
    bounds = np.stack([begins, ends])
    edges = np.searchsorted(target, bounds)
    lists = (bounds, edges, np.searchsorted(first_edges, edges), np.searchsorted(given, bounds))
    roots = 0
    for (begin, end), (low, high), in_edges, in_given in zip(
        *(of.T.tolist() for of in lists), strict=True
    ):
        groups, known = first_edges[slice(*in_edges)] - low, given[slice(*in_given)] - begin
        among = None if depth[begin] else slice(roots, roots + end - begin)
        roots += 0 if depth[begin] else end - begin
        level = Level(
            nodes=slice(begin, end),
            edges=slice(low, high),
            groups=groups,
            single=groups.size == high - low,
            roots=among,
            open=known.size < end - begin,
            given=known,
        )
        found[component[begin]].append(level)
    return tuple(tuple(levels) for levels in found)
