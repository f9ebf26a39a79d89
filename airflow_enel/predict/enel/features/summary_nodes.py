"""Summary nodes of the paper: means of a component over past runs, H(k) and P(0)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.features.measurements import masked_mean, scale_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.enel.features.stage_graph import ComponentGraph
    from airflow_enel.predict.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class PropertySets:
    """The properties of a component's nodes: what a context code is the mean of.

    :param always: u, shared by the nodes
    :param optional: v, shared by the nodes
    :param own: w, one set per node
    """

    always: tuple[Property, ...]
    optional: tuple[Property, ...]
    own: tuple[tuple[Property, ...], ...]

    @classmethod
    def of(cls, graph: ComponentGraph, context: Sequence[tuple[str, Property]]) -> Self:
        """The properties of a component in a run with this context."""
        return cls(graph.always, tuple(value for _, value in context), graph.own)


@dataclass(frozen=True, slots=True)
class Blend:
    """Summary nodes made of past ones, for ``c`` candidates.

    :param weights: how much each of the ``r`` past summaries counts, rows add up to 1, ``(c, r)``
    :param start: mean of vec(start), ``(c, 3)``
    :param end: mean of vec(end), ``(c, 3)``
    :param metrics: mean of what is defined, ``(c, 5)``
    :param mask: 1 where any is, ``(c, 5)``
    """

    weights: FloatArray
    start: FloatArray
    end: FloatArray
    metrics: FloatArray
    mask: FloatArray


@dataclass(frozen=True, slots=True)
class Summaries:
    """Summaries of one component in ``r`` ≥ 1 past runs, latest first.

    :param start: executors at its start, ``(r,)``
    :param end: executors at its end, ``(r,)``
    :param start_features: vec(start), ``(r, 3)``
    :param end_features: vec(end), ``(r, 3)``
    :param metrics: mean over its nodes, or how far that is off the mean of all runs and off what
        its own run was off by, ``(r, 5)``
    :param mask: 1 where any node has it, ``(r, 5)``
    :param properties: of its nodes, ``r`` of them
    """

    start: FloatArray
    end: FloatArray
    start_features: FloatArray
    end_features: FloatArray
    metrics: FloatArray
    mask: FloatArray
    properties: tuple[PropertySets, ...]

    @classmethod
    def of(
        cls,
        past: Sequence[tuple[ComponentGraph, Sequence[tuple[str, Property]]]],
        config: EnelConfig,
    ) -> Self:
        """Summaries of a component in past runs with their contexts, latest first."""
        largest_executors = config.largest_executors
        start = np.array([graph.start for graph, _ in past])
        end = np.array([graph.end for graph, _ in past])
        means = [masked_mean(graph.metrics, graph.mask) for graph, _ in past]
        metrics = np.array([mean for mean, _ in means])
        mask = np.array([mask for _, mask in means])
        if config.relative_metrics:
            usual, _ = masked_mean(metrics, mask)
            metrics = (metrics - usual) * mask
        return cls(
            start=start,
            end=end,
            start_features=scale_out(start, largest_executors),
            end_features=scale_out(end, largest_executors),
            metrics=metrics,
            mask=mask,
            properties=tuple(PropertySets.of(graph, context) for graph, context in past),
        )

    def minus(self, off: FloatArray) -> Summaries:
        """The same with metrics that lack what their runs were off by, ``(r, 5)``."""
        return replace(self, metrics=self.metrics - off * self.mask)

    def nearest(self, start: FloatArray, end: FloatArray, neighbours: int) -> Blend:
        """H: the mean of the β nearest in start and end scale-out, later runs first.

        :param start: executors of the candidates, ``(c,)``
        """
        distance = self._distance(start, end)
        chosen = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
        weights = np.zeros(distance.shape)
        np.put_along_axis(weights, chosen, 1.0 / chosen.shape[1], axis=1)
        return self._blend(weights)

    def closest(self, start: FloatArray, end: FloatArray) -> Blend:
        """P(0): the mean of all past summaries at the nearest scale-out."""
        distance = self._distance(start, end)
        at: BoolArray = distance == distance.min(axis=1, keepdims=True)
        return self._blend(at / at.sum(axis=1, keepdims=True))

    def _distance(self, start: FloatArray, end: FloatArray) -> FloatArray:
        return np.abs(start[:, None] - self.start) + np.abs(end[:, None] - self.end)

    def _blend(self, weights: FloatArray) -> Blend:
        share = weights @ self.mask
        metrics = (weights @ (self.metrics * self.mask)) / np.where(share > 0, share, 1.0)
        return Blend(
            weights=weights,
            start=weights @ self.start_features,
            end=weights @ self.end_features,
            metrics=metrics,
            mask=(share > 0).astype(np.float64),
        )
