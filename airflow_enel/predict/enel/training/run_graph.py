"""Assembles a run with its history into the arrays that the torch network reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.enel.config import METRICS, PARTS, SCALE_OUT_LENGTH
from airflow_enel.predict.enel.features.encoding import encode_all
from airflow_enel.predict.enel.features.joined_nodes import JoinedNodes
from airflow_enel.predict.enel.features.measurements import relative_features
from airflow_enel.predict.enel.features.summary_nodes import PropertySets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.enel.features.job_history import ComponentHistory, JobHistory
    from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, IntArray, RunFeatures
    from airflow_enel.predict.enel.features.summary_nodes import Blend, Summaries
    from airflow_enel.predict.samples import BoolArray, FloatArray

NONE: Final = -1
"""No such summary."""


@dataclass(frozen=True, slots=True)
class RunGraph:
    """``n`` nodes of ``k`` components with ``g`` summaries of past runs, of one or more runs.

    Nodes are sorted by component, then by depth. A context row is the weighted mean of codes of
    properties: row i belongs to node i, row n + j to given summary j; each has three parts.
    Summaries are numbered: 0 … k−1 is P of that component of the graph, k + j is given summary j.

    :param properties: encoded distinct properties, ``(p, 33)``
    :param pool_slot: row · 3 + part of every term of the means, ``(t,)``
    :param pool_property: its property, ``(t,)``
    :param pool_weight: its weight; those of a slot add up to 1, ``(t,)``
    :param edges: sources and targets, sorted by target, ``(2, e)``
    :param component: of each node, ``(n,)``
    :param depth: of each node in its component, 0 for roots, ``(n,)``
    :param step: when its metrics are known in the propagation through the whole run, ``(n,)``
    :param start: executors at its start, ``(n,)``
    :param end: executors at its end, ``(n,)``
    :param rescaling: r, ``(n,)``
    :param observed: True where the metrics are given, ``(n,)``
    :param metrics: ``(n, 5)``; of nodes that are not observed only training may know them
    :param mask: 1 where a metric is (or is expected to be) defined, ``(n, 5)``
    :param measured: 1 where the metrics are true ones, to learn from, ``(n, 5)``
    :param reference: mean metrics of the past, ``(n, 5)``
    :param reference_mask: 1 where there is one, ``(n, 5)``
    :param relative: features relative to the job's past, ``(n, 13)``
    :param prior_s: π, ``(n,)``
    :param runtime_s: what the nodes took, NaN where unknown, ``(n,)``
    :param added_s: what the components took, NaN where unknown, ``(k,)``
    :param component_start: executors at the start of each component, ``(k,)``
    :param component_end: executors at its end, ``(k,)``
    :param previous: number of the summary P before each component, -1 without one, ``(k,)``
    :param historical: number of the summary H before each component, -1 without one, ``(k,)``
    :param given_start: mean vec(start) of the given summaries, ``(g, 3)``
    :param given_end: mean vec(end), ``(g, 3)``
    :param given_metrics: metrics, or how far they are off the past, ``(g, 5)``
    :param given_mask: ``(g, 5)``
    """

    properties: FloatArray
    pool_slot: IntArray
    pool_property: IntArray
    pool_weight: FloatArray
    edges: IntArray
    component: IntArray
    depth: IntArray
    step: IntArray
    start: FloatArray
    end: FloatArray
    rescaling: FloatArray
    observed: BoolArray
    metrics: FloatArray
    mask: FloatArray
    measured: FloatArray
    reference: FloatArray
    reference_mask: FloatArray
    relative: FloatArray
    prior_s: FloatArray
    runtime_s: FloatArray
    added_s: FloatArray
    component_start: FloatArray
    component_end: FloatArray
    previous: IntArray
    historical: IntArray
    given_start: FloatArray
    given_end: FloatArray
    given_metrics: FloatArray
    given_mask: FloatArray


def run_graph(
    run: RunFeatures,
    history: JobHistory,
    config: EnelConfig,
    prior_s: FloatArray,
    cut: int,
) -> RunGraph:
    """A run as an example: the first ``cut`` components are observed, the others predicted.

    :param history: runs before this one, without it, or it would learn what it must not know
    :param prior_s: seconds the prior gives each component, ``(k,)``
    """
    past = [history.component(graph.identity) for graph in run.components]
    pool, given = _Pool(), _Given()
    graphs = run.components
    for graph in graphs:
        pool.add_nodes(PropertySets.of(graph, run.context))
    previous, historical = _summaries(graphs, past, config, given)
    for summaries, blend in given.rows:
        pool.add_blend(summaries, blend)
    nodes = JoinedNodes.of(graphs, past)
    component = nodes.component
    expected = [
        _expected(graph, of, observed=index < cut)
        for index, (graph, of) in enumerate(zip(graphs, past, strict=True))
    ]
    relative = relative_features(run.context, history.typical, history.metrics_off(graphs[:cut]))
    return RunGraph(
        properties=encode_all(pool.properties),
        pool_slot=np.array(pool.slot, dtype=np.int64),
        pool_property=np.array(pool.index, dtype=np.int64),
        pool_weight=np.array(pool.weight, dtype=np.float64),
        edges=nodes.edges,
        component=component,
        depth=nodes.depth,
        step=nodes.depth + _first_steps(graphs)[component],
        start=nodes.start,
        end=nodes.end,
        rescaling=np.concatenate([rescaling for _, _, rescaling in expected]),
        observed=component < cut,
        metrics=np.concatenate([metrics for metrics, _, _ in expected]),
        mask=np.concatenate([mask for _, mask, _ in expected]),
        measured=nodes.mask,
        reference=nodes.reference,
        reference_mask=nodes.reference_mask,
        relative=np.tile(relative, (len(component), 1)),
        prior_s=nodes.shares * prior_s[component],
        runtime_s=np.concatenate([_known(graph.runtime_s) for graph in graphs]),
        added_s=np.array([np.nan if g.added_s is None else g.added_s for g in graphs]),
        component_start=np.array([graph.start for graph in graphs]),
        component_end=np.array([graph.end for graph in graphs]),
        previous=previous,
        historical=historical,
        given_start=given.stacked("start", SCALE_OUT_LENGTH),
        given_end=given.stacked("end", SCALE_OUT_LENGTH),
        given_metrics=given.stacked("metrics", len(METRICS)),
        given_mask=given.stacked("mask", len(METRICS)),
    )


class _Pool:
    """Terms of the means that contexts are, over distinct properties."""

    def __init__(self) -> None:
        self.properties: list[Property] = []
        self.slot: list[int] = []
        self.index: list[int] = []
        self.weight: list[float] = []
        self._known: dict[tuple[type, Property], int] = {}
        self._rows = 0

    def add_nodes(self, sets: PropertySets) -> None:
        """A row for every node of a component."""
        for own in sets.own:
            for part, values in enumerate((sets.always, sets.optional, own)):
                for value in values:
                    self._term(part, value, 1.0 / len(values))
            self._rows += 1

    def add_blend(self, summaries: Summaries, blend: Blend) -> None:
        """A row for a summary that is made of past ones."""
        terms: dict[tuple[int, type, Property], float] = {}
        for index in np.flatnonzero(blend.weights[0]):
            sets, weight = summaries.properties[index], float(blend.weights[0, index])
            parts = [(0, sets.always, weight), (1, sets.optional, weight)]
            parts += [(2, own, weight / len(sets.own)) for own in sets.own]
            for part, values, of in parts:
                for value in values:
                    key = part, type(value), value
                    terms[key] = terms.get(key, 0.0) + of / len(values)
        for (part, _, value), weight in terms.items():
            self._term(part, value, weight)
        self._rows += 1

    def _term(self, part: int, value: Property, weight: float) -> None:
        key = type(value), value
        if key not in self._known:
            self._known[key] = len(self.properties)
            self.properties.append(value)
        self.slot.append(self._rows * PARTS + part)
        self.index.append(self._known[key])
        self.weight.append(weight)


class _Given:
    """Summaries of past runs that this run's components are preceded by."""

    def __init__(self) -> None:
        self.rows: list[tuple[Summaries, Blend]] = []

    def add(self, summaries: Summaries, blend: Blend) -> int:
        """Keep one and say which it is."""
        self.rows.append((summaries, blend))
        return len(self.rows) - 1

    def stacked(self, name: str, length: int) -> FloatArray:
        """One of the blends' arrays, a row per summary."""
        rows = [getattr(blend, name) for _, blend in self.rows]
        return np.concatenate([np.zeros((0, length)), *rows])


def _summaries(
    graphs: Sequence[ComponentGraph],
    past: Sequence[ComponentHistory | None],
    config: EnelConfig,
    given: _Given,
) -> tuple[IntArray, IntArray]:
    """Numbers of P and H before each component; before the first it is its own past."""
    count = len(graphs)
    previous = np.arange(-1, count - 1, dtype=np.int64)
    historical = np.full(count, NONE, dtype=np.int64)
    for index in range(count):
        before = max(index - 1, 0)
        of = past[before]
        if of is None:
            continue
        at = np.array([graphs[before].start]), np.array([graphs[before].end])
        blend = of.summaries.nearest(*at, config.neighbours)
        historical[index] = count + given.add(of.summaries, blend)
        if index == 0:
            previous[0] = count + given.add(of.summaries, of.summaries.closest(*at))
    return previous, historical


def _first_steps(graphs: Sequence[ComponentGraph]) -> IntArray:
    """The step of each component's roots: all before it have gone their whole depth."""
    depths = np.array([int(graph.depth[-1]) + 1 for graph in graphs], dtype=np.int64)
    steps: IntArray = np.cumsum(depths) - depths
    return steps


def _expected(
    graph: ComponentGraph, past: ComponentHistory | None, *, observed: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Metrics, mask and r of its nodes.

    What is still to come has the mask and the r that the past suggests: a forecast knows no
    others. A metric that is expected but was never measured is as usual.
    """
    if observed or past is None or past.template.structure != graph.structure:
        return graph.metrics, graph.mask, graph.rescaling
    missing = (past.expected_mask > 0) & (graph.mask == 0)
    metrics = np.where(missing, past.reference, graph.metrics)
    moved = graph.node_start != graph.node_end
    return metrics, past.expected_mask, np.where(moved, past.rescaling, 0.0)


def _known(runtime_s: FloatArray) -> FloatArray:
    """Runtimes with NaN where none was measured."""
    return np.where(runtime_s > 0, runtime_s, np.nan)
