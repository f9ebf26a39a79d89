"""Builds the network's inputs for the remaining components of a run at every candidate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.config import METRICS
from airflow_enel.predict.enel.features.job_history import reference_of
from airflow_enel.predict.enel.features.joined_nodes import JoinedNodes
from airflow_enel.predict.enel.features.measurements import (
    centre,
    masked_mean,
    relative_features,
    scale_out,
)
from airflow_enel.predict.enel.features.summary_nodes import PropertySets
from airflow_enel.predict.enel.inference.graph_layout import Layout
from airflow_enel.predict.enel.inference.inputs import SummaryInputs, SweepInputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.enel.features.job_history import ComponentHistory, JobHistory
    from airflow_enel.predict.enel.features.stage_graph import ComponentGraph
    from airflow_enel.predict.enel.features.summary_nodes import Blend
    from airflow_enel.predict.enel.inference.numpy_network import EnelInference
    from airflow_enel.predict.occurrences import Identity
    from airflow_enel.predict.samples import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Moment:
    """Progress of a run, as the network needs it.

    :param context: its run context, see `context_properties`
    :param last: its last finished component, None before the first one finished
    :param metrics_off: mean difference of its finished components' metrics to the past, ``(5,)``
    :param executors: executors that take tasks now, None before any has come: every candidate
        starts with what it will have
    """

    context: tuple[tuple[str, Property], ...]
    last: ComponentGraph | None
    executors: float | None
    metrics_off: FloatArray = field(default_factory=lambda: np.zeros(len(METRICS)))


class SweepBuilder:
    """The job's history as one network sees it.

    The first remaining component starts at the present executors and ends at the candidate; all
    later ones start and end there. What the history says at every candidate is worked out once.

    :param history: of the job
    :param candidates: scale-outs, ``c`` of them
    """

    def __init__(
        self, inference: EnelInference, history: JobHistory, candidates: Sequence[int]
    ) -> None:
        self._inference, self._history = inference, history
        self._candidates = np.array(candidates, dtype=np.float64)
        self._contexts = [
            inference.summary_contexts(of.summaries.properties) for of in history.components
        ]
        steady = [self._nearest(row, self._candidates) for row in range(len(history.components))]
        self._steady = _Rows.of(steady) if steady else None
        self._templates: tuple[tuple[Identity, ...], _Templates] | None = None

    @property
    def identities(self) -> frozenset[Identity]:
        """Components it can predict."""
        return frozenset(self._history.rows)

    def inputs(
        self, remaining: Sequence[Identity], moment: Moment, prior_s: FloatArray
    ) -> SweepInputs:
        """Inputs of the network for the remaining components.

        :param remaining: components that no longer or not yet finished, in their order, ``k`` ≥ 1
        :param prior_s: seconds the prior gives each at each candidate, ``(c, k)``
        :raises ValueError: if there are none, or the history does not have one of them
        """
        if not remaining or not self.identities.issuperset(remaining):
            raise ValueError("a sweep needs components, and only such as a past run had")
        rows = [self._history.rows[identity] for identity in remaining]
        past = [self._history.components[row] for row in rows]
        identities = tuple(remaining)
        if self._templates is None or self._templates[0] != identities:
            self._templates = identities, _Templates.of(past)
        templates = self._templates[1]
        nodes, component = templates.nodes, templates.nodes.component
        start, end, moved = self._scale_outs(len(rows), moment)
        rescaling = templates.rescaling[:, None] * moved
        relative = relative_features(moment.context, self._history.typical, moment.metrics_off)
        return SweepInputs(
            layout=templates.layout,
            context=self._inference.node_contexts(
                [PropertySets.of(of.template, moment.context) for of in past]
            ),
            start=start[component],
            end=end[component],
            moved=moved[component],
            rescaling=rescaling[component],
            metrics=np.zeros(templates.mask.shape),
            mask=templates.mask,
            reference=nodes.reference,
            reference_mask=nodes.reference_mask,
            relative=np.broadcast_to(relative, (component.size, relative.size)),
            prior_s=nodes.shares[:, None] * prior_s.T[component],
            component_start=start,
            component_end=end,
            first=self._first(rows[0], moment),
            historical=self._historical(rows, moment),
        )

    def _scale_outs(
        self, components: int, moment: Moment
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """vec(start) and vec(end), ``(k, c, 3)``, and where they differ, ``(k, c)``."""
        largest = self._inference.config.largest_executors
        start = np.repeat(self._candidates[None], components, axis=0)
        start[0] = self._now(moment)
        end = scale_out(self._candidates, largest)
        return (
            scale_out(start, largest),
            np.repeat(end[None], components, axis=0),
            start != self._candidates,
        )

    def _now(self, moment: Moment) -> FloatArray:
        """Executors at which the first remaining component starts, ``(c,)``."""
        if moment.executors is None:
            return self._candidates
        return np.full(self._candidates.shape, float(moment.executors))

    def _first(self, row: int, moment: Moment) -> SummaryInputs:
        """P before the first remaining component: observed, or what history says of its own."""
        last = moment.last
        if last is None:
            summaries = self._history.components[row].summaries
            blend = summaries.closest(self._now(moment), self._candidates)
            return _Rows.of([self._summary(row, blend)]).inputs(np.array([True]))
        largest, count = self._inference.config.largest_executors, self._candidates.size
        usual: FloatArray | float = 0.0
        if self._inference.config.relative_metrics:
            past = reference_of(last, self._history.component(last.identity))
            usual = centre(*past, moment.metrics_off)
        metrics, mask = masked_mean(last.metrics - usual, last.mask)
        context = self._inference.contexts(PropertySets.of(last, moment.context)).mean(axis=0)
        start, end = scale_out(last.start, largest), scale_out(last.end, largest)
        parts = (np.tile(part, (count, 1)) for part in (context, start, end, metrics, mask))
        return _Rows.of([_Summary(*parts)]).inputs(np.array([True]))

    def _historical(self, rows: Sequence[int], moment: Moment) -> SummaryInputs:
        """H before every remaining component."""
        assert self._steady is not None  # noqa: S101 - there is a row, so there is a history
        count = len(rows)
        # Before component j it is the past of component j − 1.
        before = self._steady.inputs(np.ones(count, dtype=np.bool_), [rows[0], *rows[:-1]])
        present = before.present
        last, now = moment.last, self._now(moment)
        if last is None:
            _replace(before, 0, self._nearest(rows[0], now))
        elif last.identity in self._history.rows:
            ended = np.full(self._candidates.shape, last.end)
            started = np.full(self._candidates.shape, last.start)
            _replace(before, 0, self._nearest(self._history.rows[last.identity], started, ended))
        else:
            present[0] = False
        if count > 1:
            _replace(before, 1, self._nearest(rows[0], now))
        return before

    def _nearest(self, row: int, start: FloatArray, end: FloatArray | None = None) -> _Summary:
        """H of a component; it ends at the candidates unless told otherwise."""
        blend = self._history.components[row].summaries.nearest(
            start, self._candidates if end is None else end, self._inference.config.neighbours
        )
        return self._summary(row, blend)

    def _summary(self, row: int, blend: Blend) -> _Summary:
        return _Summary(
            blend.weights @ self._contexts[row], blend.start, blend.end, blend.metrics, blend.mask
        )


@dataclass(frozen=True, slots=True)
class _Summary:
    """One summary at every candidate; the fields of :class:`SummaryInputs` without ``k``."""

    context: FloatArray
    start: FloatArray
    end: FloatArray
    metrics: FloatArray
    mask: FloatArray


@dataclass(frozen=True, slots=True)
class _Rows:
    """Summaries of several components, stacked."""

    context: FloatArray
    start: FloatArray
    end: FloatArray
    metrics: FloatArray
    mask: FloatArray

    @classmethod
    def of(cls, summaries: Sequence[_Summary]) -> Self:
        """Stack summaries."""
        return cls(
            context=np.stack([s.context for s in summaries]),
            start=np.stack([s.start for s in summaries]),
            end=np.stack([s.end for s in summaries]),
            metrics=np.stack([s.metrics for s in summaries]),
            mask=np.stack([s.mask for s in summaries]),
        )

    def inputs(self, present: BoolArray, rows: Sequence[int] = (0,)) -> SummaryInputs:
        """Copies of some rows."""
        chosen = list(rows)
        return SummaryInputs(
            self.context[chosen],
            self.start[chosen],
            self.end[chosen],
            self.metrics[chosen],
            self.mask[chosen],
            present,
        )


def _replace(inputs: SummaryInputs, row: int, summary: _Summary) -> None:
    """Write a summary into inputs that nobody else has yet."""
    inputs.context[row], inputs.start[row], inputs.end[row] = (
        summary.context,
        summary.start,
        summary.end,
    )
    inputs.metrics[row], inputs.mask[row] = summary.metrics, summary.mask


@dataclass(frozen=True, slots=True)
class _Templates:
    """Templates of ``k`` components in a row, nothing of them observed.

    :param mask: where metrics are expected to be defined, ``(n, 5)``
    :param rescaling: mean r of each component, ``(k,)``
    """

    nodes: JoinedNodes
    layout: Layout
    mask: FloatArray
    rescaling: FloatArray

    @classmethod
    def of(cls, past: Sequence[ComponentHistory]) -> Self:
        """Put the templates of components one after the other."""
        nodes = JoinedNodes.of([of.template for of in past], past)
        observed = np.zeros(nodes.component.size, dtype=np.bool_)
        return cls(
            nodes=nodes,
            layout=Layout.of(nodes.component, nodes.depth, nodes.edges, observed),
            mask=np.concatenate([of.expected_mask for of in past]),
            rescaling=np.array([of.rescaling for of in past]),
        )
