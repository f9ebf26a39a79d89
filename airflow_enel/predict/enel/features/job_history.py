"""Aggregates the past runs of a job per component: template graph, mean metrics, summaries."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.config import METRICS
from airflow_enel.predict.enel.features.measurements import masked_mean, typical_numbers
from airflow_enel.predict.enel.features.stage_graph import path_shares
from airflow_enel.predict.enel.features.summary_nodes import Summaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from typing_extensions import Self

    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, RunFeatures
    from airflow_enel.predict.occurrences import Identity
    from airflow_enel.predict.samples import FloatArray


@dataclass(frozen=True, slots=True)
class ComponentHistory:
    """One component over its past runs.

    Its template is the latest graph of the structure that it had most often; the means are taken
    over all graphs of that structure.

    :param template: with ``n`` nodes
    :param shares: of the nodes in the longest path, ``(n,)``
    :param reference: mean metrics of the nodes, ``(n, 5)``
    :param reference_mask: 1 where any run defined them, ``(n, 5)``
    :param expected_mask: 1 where at least half of the runs defined them, ``(n, 5)``
    :param rescaling: mean r of the nodes whose start and end differed, 0 without such
    :param summaries: of all past runs that had the component
    """

    template: ComponentGraph
    shares: FloatArray
    reference: FloatArray
    reference_mask: FloatArray
    expected_mask: FloatArray
    rescaling: float
    summaries: Summaries

    @classmethod
    def of(
        cls,
        past: Sequence[tuple[ComponentGraph, Sequence[tuple[str, Property]]]],
        config: EnelConfig,
    ) -> Self:
        """From the graphs of a component with the contexts of their runs, latest first."""
        graphs = [graph for graph, _ in past]
        usual = Counter(graph.structure for graph in graphs).most_common(1)[0][0]
        alike = [graph for graph in graphs if graph.structure == usual]
        masks = np.array([graph.mask for graph in alike])
        reference, reference_mask = masked_mean(np.array([g.metrics for g in alike]), masks)
        return cls(
            template=alike[0],
            shares=_mean_shares(alike),
            reference=reference,
            reference_mask=reference_mask,
            expected_mask=(masks.mean(axis=0) >= 0.5).astype(np.float64),  # noqa: PLR2004 - half
            rescaling=_mean_rescaling(graphs),
            summaries=Summaries.of(past, config),
        )


@dataclass(frozen=True, slots=True)
class JobHistory:
    """Past runs of one recurring job, as far as the network needs them.

    :param rows: place of every component that any past run had
    :param components: their histories, by these places
    :param typical: geometric means of the numbers of the run contexts
    """

    rows: Mapping[Identity, int]
    components: tuple[ComponentHistory, ...]
    typical: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, runs: Sequence[RunFeatures], config: EnelConfig) -> Self:
        """From past runs in any order, possibly none."""
        past: dict[Identity, list[tuple[ComponentGraph, RunFeatures]]] = {}
        for run in sorted(runs, key=lambda run: (run.started_at, run.run_id), reverse=True):
            for graph in run.components:
                past.setdefault(graph.identity, []).append((graph, run))
        history = cls(
            rows={identity: row for row, identity in enumerate(past)},
            components=tuple(
                ComponentHistory.of([(graph, run.context) for graph, run in of], config)
                for of in past.values()
            ),
            typical=typical_numbers(run.context for run in runs),
        )
        if not config.relative_metrics:
            return history
        off = {run.run_id: history.metrics_off(run.components) for run in runs}
        rows = ([off[run.run_id] for _, run in of] for of in past.values())
        return replace(
            history,
            components=tuple(
                replace(of, summaries=of.summaries.minus(np.array(row)))
                for of, row in zip(history.components, rows, strict=True)
            ),
        )

    def metrics_off(self, finished: Iterable[ComponentGraph]) -> FloatArray:
        """Mean difference of the finished components' metrics to their past ones, ``(5,)``.

        The shortest way from what was observed to what is to come: through the graph it passes a
        dozen predictions of predictions.
        """
        total, count = np.zeros(len(METRICS)), np.zeros(len(METRICS))
        for graph in finished:
            reference, mask = reference_of(graph, self.component(graph.identity))
            known = graph.mask * mask
            total += ((graph.metrics - reference) * known).sum(axis=0)
            count += known.sum(axis=0)
        return total / np.maximum(count, 1.0)

    def component(self, identity: Identity) -> ComponentHistory | None:
        """The history of a component, None if no past run had it."""
        row = self.rows.get(identity)
        return None if row is None else self.components[row]


def reference_of(
    graph: ComponentGraph, past: ComponentHistory | None
) -> tuple[FloatArray, FloatArray]:
    """Mean metrics of a graph's nodes in the past and their mask, none if they were others."""
    if past is not None and past.template.structure == graph.structure:
        return past.reference, past.reference_mask
    return np.zeros(graph.metrics.shape), np.zeros(graph.mask.shape)


def path_shares_of(graph: ComponentGraph, past: ComponentHistory | None) -> FloatArray:
    """Shares of a graph's nodes as the past knows them; this run's own would tell what it took."""
    if past is not None and past.template.structure == graph.structure:
        return past.shares
    return path_shares(np.zeros(graph.size), graph.edges)


def _mean_shares(alike: Sequence[ComponentGraph]) -> FloatArray:
    """Mean shares of graphs of one structure; again 1 along the longest path."""
    measured = [graph for graph in alike if graph.runtime_s.any()] or alike[:1]
    shares = np.mean([path_shares(graph.runtime_s, graph.edges) for graph in measured], axis=0)
    return path_shares(shares, alike[0].edges)


def _mean_rescaling(graphs: Sequence[ComponentGraph]) -> float:
    """Mean fraction on the way over the nodes that were rescaled."""
    start = np.concatenate([graph.node_start for graph in graphs])
    moved = start != np.concatenate([graph.node_end for graph in graphs])
    if not moved.any():
        return 0.0
    return float(np.concatenate([graph.rescaling for graph in graphs])[moved].mean())
