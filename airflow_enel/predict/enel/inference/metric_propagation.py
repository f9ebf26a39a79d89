"""Predicts metrics of future stages by (6) and (7), for all candidates at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit  # type: ignore[import-untyped]

from airflow_enel.predict.enel.config import METRICS, SCALE_OUT_LENGTH
from airflow_enel.predict.enel.features.measurements import centre
from airflow_enel.predict.enel.inference.activation import (
    SCALE,
    SHIFT,
    folded,
    shares_of,
    shifted_selu,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.stage_graph import IntArray
    from airflow_enel.predict.enel.inference.graph_layout import Level
    from airflow_enel.predict.enel.inference.inputs import SweepInputs
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class _Terms:
    """Terms that do not depend on predicted metrics, for one sweep of ``c`` candidates.

    :param previous: f4's first layer for the edge from P to each root, ``(r, c, H)``
    :param previous_weight: |e| of that edge, ``(r, c, 1)``
    :param root: everything else of a root's output, ``(r, c, 5)``
    :param edge: f4's first layer for each edge of the graph, ``(e, c, H)``
    :param edge_weight: |e| of it, ``(e, c, 1)``
    """

    previous: FloatArray
    previous_weight: FloatArray
    root: FloatArray
    edge: FloatArray
    edge_weight: FloatArray


@dataclass(frozen=True, slots=True)
class _Projection:
    """A linear layer on x = a ‖ c ‖ z, by parts: a context is the same for all candidates."""

    scale_outs: FloatArray
    context: FloatArray

    @classmethod
    def of(cls, weight: FloatArray) -> Self:
        """The transposed weight ``(3M + 6, outputs)``."""
        length = SCALE_OUT_LENGTH
        start, context, end = np.split(weight, [length, len(weight) - length])
        return cls(np.concatenate([start, end]), context.copy())

    def __call__(self, scale_outs: FloatArray, context: FloatArray) -> FloatArray:
        """Outputs ``(n, c, outputs)`` of rows a ‖ z and c.

        :param scale_outs: ``(n, c, 6)``
        :param context: ``(n, c, 3M)`` or ``(n, 1, 3M)``
        """
        output = product(scale_outs, self.scale_outs)
        output += product(context, self.context)
        return output


class SweepMetricPropagation:
    """(6) and (7) with the weights of a network.

    Attention and all of f3 depend on contexts and scale-outs alone, so they are worked out for
    all edges at once; only f4 is applied step by step. Its last layer is linear and the weights
    of a node's edges add up to 1, so that they are applied after it.

    Arrays are ``(nodes, candidates, features)``, so that the nodes of a step lie side by side.
    """

    def __init__(self, config: EnelConfig, weights: Mapping[str, FloatArray]) -> None:
        edge, metrics, w = config.edge_length, len(METRICS), weights
        target, source = w["metrics.target.weight"].T, w["metrics.source.weight"].T
        hidden = w["metrics.f4.hidden.weight"].T
        pair = hidden[:edge]
        self._target, self._source = _Projection.of(target), _Projection.of(source)
        # Where an edge is the only one there is no attention, and f3 need not be known itself.
        self._hidden_target = _Projection.of(target @ pair)
        self._hidden_source = _Projection.of(source @ pair)
        self._pair, self._metrics = pair.copy(), hidden[edge : edge + metrics].copy()
        self._mask = hidden[edge + metrics :] if config.mask_inputs else 0.0 * self._metrics
        # The shift of shifted_selu is in f3's bias; f4's first layer must not see it.
        self._pair_bias = w["metrics.target.bias"] + w["metrics.source.bias"] + SHIFT
        self._attention = SCALE * w["metrics.attention"]
        self._hidden_bias, self._output, self._output_bias = folded(
            w["metrics.f4.hidden.bias"] - SHIFT * pair.sum(axis=0),
            w["metrics.f4.output.weight"].T,
            w["metrics.f4.output.bias"],
        )
        self._bias = w["metrics.bias"]
        self._edge_bias = self._output_bias + self._bias
        self._relative = config.relative_metrics

    def run(self, inputs: SweepInputs) -> FloatArray:
        """Metrics of all nodes: the given ones of observed nodes, predicted ones of the others.

        :return: ``(n, c, 5)``, 0 where not defined
        """
        observed = inputs.layout.observed
        usual = np.zeros(1)
        if self._relative:
            usual = centre(inputs.reference, inputs.reference_mask, inputs.relative)
        given = np.where(observed[:, None], inputs.metrics - usual, 0.0) * inputs.mask
        metrics = np.empty((*inputs.prior_s.shape, given.shape[1]))
        metrics[...] = given[:, None]
        if inputs.mask[~observed].any():
            self._propagate(inputs, self._terms(inputs), metrics)
        if self._relative:
            metrics += (usual * inputs.mask)[:, None]
        return metrics

    def _propagate(self, inputs: SweepInputs, terms: _Terms, metrics: FloatArray) -> None:
        """Component by component, level by level; writes into ``metrics``."""
        layout, mask = inputs.layout, inputs.mask[:, None]
        passed = np.empty((*metrics.shape[:2], self._metrics.shape[1]))
        before = inputs.first.metrics[0] @ self._metrics
        for levels, share in zip(layout.levels, _mean_weights(inputs), strict=True):
            for level in levels:
                nodes = metrics[level.nodes]
                if level.open:
                    made = self._level(level, layout.source, terms, before, passed)
                    if level.given.size:
                        made[level.given] = nodes[level.given]
                    np.multiply(made, mask[level.nodes], out=nodes)
                if level is not levels[-1]:
                    np.matmul(nodes, self._metrics, out=passed[level.nodes])
            whole = metrics[levels[0].nodes.start : levels[-1].nodes.stop]
            mean = whole[0] if len(whole) == 1 else np.add.reduce(whole * share, axis=0)
            before = mean @ self._metrics

    def _level(
        self,
        level: Level,
        source: IntArray,
        terms: _Terms,
        before: FloatArray,
        passed: FloatArray,
    ) -> FloatArray:
        """M̂ of the nodes of a level, ``(nodes, c, 5)``.

        :param source: of the edges
        :param before: what the metrics of the component before add to f4's first layer, ``(c, H)``
        :param passed: what the metrics of each node add to it, ``(n, c, H)``
        """
        if level.roots is None:
            hidden = terms.edge[level.edges] + passed[source[level.edges]]
            output = shifted_selu(hidden) @ self._output
            if not level.single:
                output *= terms.edge_weight[level.edges]
                output = np.add.reduceat(output, level.groups, axis=0)
            output += self._edge_bias
        else:
            output = shifted_selu(terms.previous[level.roots] + before) @ self._output
            output *= terms.previous_weight[level.roots]
            output += terms.root[level.roots]
        made: FloatArray = (np.tanh if self._relative else expit)(output, out=output)
        return made

    def _terms(self, inputs: SweepInputs) -> _Terms:
        edge, edge_weight = self._edges(inputs)
        previous, previous_weight, root = self._roots(inputs)
        return _Terms(previous, previous_weight, root, edge, edge_weight)

    def _edges(self, inputs: SweepInputs) -> tuple[FloatArray, FloatArray]:
        """f4's first layer and |e| of the edges of the graph itself."""
        layout = inputs.layout
        source, target = _rows(inputs, layout.source), _rows(inputs, layout.target)
        hidden = self._hidden_target(*target)
        hidden += self._hidden_source(*source)
        fixed = inputs.mask[layout.source] @ self._mask + self._hidden_bias
        hidden += (fixed + self._pair_bias @ self._pair)[:, None]
        weight = np.ones((*hidden.shape[:2], 1))
        groups = layout.target_groups
        if groups.size < layout.target.size:
            pair = self._target(*target) + self._source(*source) + self._pair_bias
            score = product(shifted_selu(pair), self._attention)
            weight = shares_of(score, groups)[..., None]
        return hidden, weight

    def _roots(self, inputs: SweepInputs) -> tuple[FloatArray, FloatArray, FloatArray]:
        """f4's first layer and |e| of the edges from P to the roots, and the rest of the output."""
        layout, past = inputs.layout, inputs.historical
        of = layout.component[layout.roots]
        rows = _rows(inputs, layout.roots)
        target = self._target(*rows)
        target += self._pair_bias
        pair = _previous(inputs, self._source)[of]
        pair += target
        # As for edges, f4's first layer is worked out from x itself, which is shorter than f3.
        hidden = self._hidden_target(*rows)
        hidden += self._pair_bias @ self._pair + self._hidden_bias
        previous = _previous(inputs, self._hidden_source)
        previous += _previous_mask(inputs) @ self._mask
        previous = previous[of]
        previous += hidden
        of_past = _scale_outs(past.start, past.end), past.context
        target += self._source(*of_past)[of]
        given = self._hidden_source(*of_past)
        given += product(past.metrics, self._metrics)
        given += product(past.mask, self._mask)
        hidden += given[of]
        output = product(shifted_selu(hidden), self._output)
        has_past, has_previous = past.present[of], (of > 0) | inputs.first.present[0]
        # The softmax of two is the logistic function of their difference.
        score = product(shifted_selu(target), self._attention)
        share = expit(score - product(shifted_selu(pair), self._attention))
        share = np.where(has_previous[:, None], share, 1.0) * has_past[:, None]
        share = share[..., None]
        any_ = (has_previous | has_past)[:, None, None]
        rest = share * output + any_ * self._output_bias + self._bias
        return previous, (1.0 - share) * has_previous[:, None, None], rest


def product(rows: FloatArray, weight: FloatArray) -> FloatArray:
    """``rows @ weight`` as one product of matrices; NumPy makes one per row of ``(n, c, f)``."""
    flat: FloatArray = rows.reshape(-1, rows.shape[-1]) @ weight
    return flat.reshape(*rows.shape[:-1], *weight.shape[1:])


def _scale_outs(start: FloatArray, end: FloatArray) -> FloatArray:
    """The part a ‖ z of x, ``(n, c, 6)``."""
    return np.concatenate([start, end], axis=-1)


def _rows(inputs: SweepInputs, nodes: IntArray) -> tuple[FloatArray, FloatArray]:
    """The parts of x of some nodes."""
    return _scale_outs(inputs.start[nodes], inputs.end[nodes]), inputs.context[nodes, None]


def _previous(inputs: SweepInputs, projection: _Projection) -> FloatArray:
    """A projection of x of P before each component, ``(k, c, outputs)``."""
    first, begin = inputs.first, inputs.layout.first
    size = np.diff(begin, append=inputs.layout.component.size)
    context = np.add.reduceat(inputs.context, begin, axis=0) / size[:, None]
    start = np.concatenate([first.start, inputs.component_start[:-1]])
    end = np.concatenate([first.end, inputs.component_end[:-1]])
    output = product(_scale_outs(start, end), projection.scale_outs)
    output[:1] += product(first.context, projection.context)
    output[1:] += product(context[:-1, None], projection.context)
    return output


def _mean_weights(inputs: SweepInputs) -> list[FloatArray]:
    """Weights of a component's nodes in the mean metrics of its P, ``(nodes, 1, 5)`` each."""
    first = inputs.layout.first
    count = np.add.reduceat(inputs.mask, first, axis=0)
    weights = (inputs.mask / np.maximum(count, 1.0)[inputs.layout.component])[:, None]
    return np.split(weights, first[1:])


def _previous_mask(inputs: SweepInputs) -> FloatArray:
    """Mask of P before each component, ``(k, c, 5)`` or ``(k, 1, 5)``."""
    own = np.maximum.reduceat(inputs.mask, inputs.layout.first, axis=0)[:-1, None]
    candidates = inputs.prior_s.shape[1]
    return np.concatenate([inputs.first.mask, np.repeat(own, candidates, axis=1)])
