"""Predicts metrics of whole runs step by step, as forecasts do, for a training batch; no torch.

:mod:`airflow_enel.predict.enel.inference.metric_propagation` does the same for one run at many
scale-outs, this module for many runs at their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit  # type: ignore[import-untyped]

from airflow_enel.predict.enel.config import METRICS
from airflow_enel.predict.enel.inference.activation import folded, selu, shares_of, shifted_selu

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.enel.training.run_graph import RunGraph
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class _Step:
    """Nodes that are known at the same time, and the components that end with them.

    :param nodes: where the nodes lie
    :param edges: where their edges lie
    :param groups: where each node's edges begin among these
    :param summaries: where P of the components lie
    :param members: where the nodes of these components lie in :attr:`PropagationPlan.member`
    :param member_groups: where those of each begin among these
    """

    nodes: slice
    edges: slice
    groups: IntArray
    summaries: slice
    members: slice
    member_groups: IntArray


@dataclass(frozen=True, slots=True)
class _Terms:
    """Terms that depend on weights and x but not on predicted metrics.

    :param fixed: f4's first layer for each edge, without the metrics of nodes, ``(e, H)``
    :param share: |e|, ``(e, 1)``
    :param base: what is added to the messages of the node at each place, ``(n, 5)``
    :param metrics: metrics to f4's first layer, ``(5, H)``
    :param output: f4's last layer, ``(H, 5)``
    """

    fixed: FloatArray
    share: FloatArray
    base: FloatArray
    metrics: FloatArray
    output: FloatArray


@dataclass(frozen=True, slots=True)
class PropagationPlan:
    """In which order metrics pass through a graph of ``n`` nodes and ``k`` components.

    Places are the nodes by their step, then P of the components by their last step, then the
    given summaries. Every node has an edge: one without a predecessor has one of weight 0 from
    itself.

    :param order: the node at each place, ``(n,)``
    :param source_row: row of the source of each edge, edges sorted by the places of their targets
    :param target_row: row of its target, ``(e,)``
    :param source: place of its source, ``(e,)``
    :param real: 0 for an edge that is none, ``(e, 1)``
    :param groups: where the edges of the node at each place begin, ``(n,)``
    :param fixed: what f4 sees of an edge's source beside x and metrics that are passed on:
        metrics of given summaries, masks; ``(e, 5)`` or ``(e, 10)``
    :param given: metrics of the node at each place as messages carry them, 0 where they are not
        observed, ``(n, 5)``
    :param open: 1 where metrics are predicted, ``(n, 5)``
    :param member: places of the nodes, component by component, ``(n,)``
    :param member_share: what each counts in its component's means, ``(n, 5)``
    :param steps: one after the other
    """

    order: IntArray
    source_row: IntArray
    target_row: IntArray
    source: IntArray
    real: FloatArray
    groups: IntArray
    fixed: FloatArray
    given: FloatArray
    open: FloatArray
    member: IntArray
    member_share: FloatArray
    steps: tuple[_Step, ...]

    @classmethod
    def of(cls, graph: RunGraph, messages: IntArray, measured: FloatArray) -> Self:
        """The plan of a graph.

        :param messages: edges to nodes from rows: nodes, components, given summaries; ``(2, m)``
        :param measured: what f4 sees of every row once all metrics are known, ``(rows, 5)`` or
            with masks ``(rows, 10)``
        """
        nodes, components = graph.component.size, graph.added_s.size
        ends = np.zeros(components, dtype=np.int64)
        np.maximum.at(ends, graph.component, graph.step)
        order, place = _sorted(graph.step)
        ended, ended_place = _sorted(ends)
        places = np.concatenate(
            [place, nodes + ended_place, np.arange(nodes + components, len(measured))]
        )
        source, target, real = _edges(messages, place)
        groups = np.flatnonzero(np.diff(place[target], prepend=-1))
        member = np.argsort(ended_place[graph.component], kind="stable")
        belongs = ended_place[graph.component[member]]
        fixed = measured.copy()
        fixed[: nodes + components, : len(METRICS)] = 0.0
        dtype, count = measured.dtype, np.zeros((components, len(METRICS)))
        np.add.at(count, graph.component, graph.mask)
        share = graph.mask / np.maximum(count, 1.0)[graph.component]
        observed = graph.observed[:, None]
        return cls(
            order=order,
            source_row=source,
            target_row=target,
            source=places[source],
            real=real.astype(dtype)[:, None],
            groups=groups,
            fixed=fixed[source],
            given=np.where(observed, measured[:nodes, : len(METRICS)], 0.0)[order].astype(dtype),
            open=np.where(observed, 0.0, graph.mask)[order].astype(dtype),
            member=place[member],
            member_share=share[member].astype(dtype),
            steps=_steps(graph.step[order], ends[ended], groups, len(source), belongs),
        )

    def run(
        self, weights: Mapping[str, FloatArray], x: FloatArray, *, relative: bool
    ) -> FloatArray:
        """M̂ of all nodes by (6) and (7), those that are not observed from predicted ones.

        :param weights: those of :class:`~network.MetricPropagation` by name
        :param x: of all rows, ``(rows, 3M + 6)``
        :param relative: the output is how far metrics are off the past
        :return: ``(n, 5)``
        """
        terms = self._terms(weights, x)
        bound = np.tanh if relative else expit
        passed = np.zeros((len(x), terms.fixed.shape[1]), dtype=x.dtype)
        made, known = np.empty_like(self.given), self.given.copy()
        for step in self.steps:
            hidden = passed.take(self.source[step.edges], axis=0)
            hidden += terms.fixed[step.edges]
            messages = shifted_selu(hidden) @ terms.output
            messages *= terms.share[step.edges]
            now, here = made[step.nodes], known[step.nodes]
            np.add.reduceat(messages, step.groups, axis=0, out=now)
            now += terms.base[step.nodes]
            bound(now, out=now)
            here += now * self.open[step.nodes]
            np.matmul(here, terms.metrics, out=passed[step.nodes])
            if step.member_groups.size:
                members = known.take(self.member[step.members], axis=0)
                members *= self.member_share[step.members]
                means = np.add.reduceat(members, step.member_groups, axis=0)
                np.matmul(means, terms.metrics, out=passed[step.summaries])
        in_order = np.empty_like(made)
        in_order[self.order] = made
        return in_order

    def _terms(self, w: Mapping[str, FloatArray], x: FloatArray) -> _Terms:
        length = x.shape[1]
        hidden = w["f4.hidden.weight"].T
        hidden_bias, output, output_bias = folded(
            w["f4.hidden.bias"], w["f4.output.weight"].T, w["f4.output.bias"]
        )
        pair = (x @ w["target.weight"].T + w["target.bias"])[self.target_row]
        pair += (x @ w["source.weight"].T + w["source.bias"])[self.source_row]
        share = shares_of(selu(pair) @ w["attention"], self.groups)[:, None] * self.real
        return _Terms(
            fixed=pair @ hidden[:length] + self.fixed @ hidden[length:] + hidden_bias,
            share=share,
            base=np.add.reduceat(share, self.groups, axis=0) * output_bias + w["bias"],
            metrics=np.ascontiguousarray(hidden[length : length + len(METRICS)]),
            output=output,
        )


def _sorted(keys: IntArray) -> tuple[IntArray, IntArray]:
    """Sort order of the keys, and the place of each key in it."""
    order = np.argsort(keys, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    return order, place


def _edges(messages: IntArray, place: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Sources and targets sorted by the places of the targets, and which are real."""
    lonely = np.setdiff1d(np.arange(place.size), messages[1])
    source, target = np.concatenate([messages, np.stack([lonely, lonely])], axis=1)
    by_target = np.argsort(place[target], kind="stable")
    real = (by_target < messages.shape[1]).astype(np.float64)
    return source[by_target], target[by_target], real


def _steps(
    step: IntArray, ends: IntArray, groups: IntArray, edges: int, belongs: IntArray
) -> tuple[_Step, ...]:
    """Slices of nodes, edges and summaries of each step.

    :param step: of the node at each place, ascending, ``(n,)``
    :param ends: last step of the component at each place, ascending, ``(k,)``
    :param groups: where the edges of each node begin, ``(n,)``
    :param edges: how many there are
    :param belongs: place of the component of each member, ascending, ``(n,)``
    """
    nodes = step.size
    numbers = np.arange(int(step[-1]) + 2)
    of_node, of_end = np.searchsorted(step, numbers), np.searchsorted(ends, numbers)
    edge = np.append(groups, edges)
    first_member = np.append(np.searchsorted(belongs, np.arange(ends.size)), nodes)
    found = []
    for low, high, begin, end in zip(of_node, of_node[1:], of_end, of_end[1:], strict=False):
        members = first_member[begin : end + 1]
        found.append(
            _Step(
                nodes=slice(int(low), int(high)),
                edges=slice(int(edge[low]), int(edge[high])),
                groups=groups[low:high] - edge[low],
                summaries=slice(nodes + int(begin), nodes + int(end)),
                members=slice(int(members[0]), int(members[-1])),
                member_groups=members[:-1] - members[0],
            )
        )
    return tuple(found)
