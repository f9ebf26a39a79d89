"""Log corrections of component runtimes that a trained network predicts for one job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from airflow_enel.predict.enel.features.joined_nodes import JoinedNodes
from airflow_enel.predict.enel.features.measurements import relative_features, scale_out
from airflow_enel.predict.enel.features.stage_graph import ComponentGraph, context_properties
from airflow_enel.predict.enel.features.summary_nodes import PropertySets
from airflow_enel.predict.enel.inference.candidate_inputs import Moment, SweepBuilder
from airflow_enel.predict.enel.inference.graph_layout import Layout
from airflow_enel.predict.enel.inference.inputs import SummaryInputs, SweepInputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import Component, PastRun, Progress
    from airflow_enel.domain.context import RunContext
    from airflow_enel.predict.enel.features.job_history import JobHistory
    from airflow_enel.predict.enel.inference.numpy_network import EnelInference
    from airflow_enel.predict.occurrences import Identity
    from airflow_enel.predict.samples import FloatArray


class Corrections:
    """Corrections of a job's components.

    :param job: what the network knows it as
    """

    def __init__(self, inference: EnelInference, history: JobHistory, job: str) -> None:
        self._inference, self._history, self._job = inference, history, job
        self._builder: tuple[tuple[int, ...], SweepBuilder] | None = None

    def moment(self, progress: Progress) -> Moment:
        """The progress of a run as inputs of the network."""
        graphs = [ComponentGraph.of(component, self._job) for component in progress.finished]
        return Moment(
            context=context_properties(progress.context),
            last=graphs[-1] if graphs else None,
            executors=float(progress.executors) if progress.executors else None,
            metrics_off=self._history.metrics_off(graphs),
        )

    def remaining(
        self, identities: Sequence[Identity], moment: Moment, candidates: tuple[int, ...]
    ) -> FloatArray:
        """Of components to come, in their order, at every candidate; ``(c, m)``."""
        if self._builder is None or self._builder[0] != candidates:
            self._builder = candidates, SweepBuilder(self._inference, self._history, candidates)
        prior_s = np.ones((len(candidates), len(identities)))
        inputs = self._builder[1].inputs(identities, moment, prior_s)
        correction: FloatArray = np.log(self._inference.sweep(inputs).component_s)
        return correction

    def finished(self, components: Sequence[Component], context: RunContext) -> FloatArray:
        """Of finished components, from their measured metrics; ``(f,)``."""
        if not components:
            return np.zeros(0)
        graphs = [ComponentGraph.of(component, self._job) for component in components]
        inputs = self._observed(graphs, context)
        correction: FloatArray = np.log(self._inference.sweep(inputs).component_s[0])
        return correction

    def _observed(self, graphs: Sequence[ComponentGraph], context: RunContext) -> SweepInputs:
        properties = context_properties(context)
        nodes = JoinedNodes.of(
            graphs, [self._history.component(graph.identity) for graph in graphs]
        )
        largest, count = self._inference.config.largest_executors, nodes.component.size
        start, end = nodes.start[:, None], nodes.end[:, None]
        relative = relative_features(
            properties, self._history.typical, self._history.metrics_off(graphs)
        )
        of_component = np.array([[graph.start, graph.end] for graph in graphs])
        return SweepInputs(
            layout=Layout.of(
                nodes.component, nodes.depth, nodes.edges, np.ones(count, dtype=np.bool_)
            ),
            context=self._inference.node_contexts(
                [PropertySets.of(graph, properties) for graph in graphs]
            ),
            start=scale_out(start, largest),
            end=scale_out(end, largest),
            moved=start != end,
            rescaling=nodes.rescaling[:, None],
            metrics=nodes.metrics,
            mask=nodes.mask,
            reference=nodes.reference,
            reference_mask=nodes.reference_mask,
            relative=np.broadcast_to(relative, (count, relative.size)),
            prior_s=nodes.shares[:, None],
            component_start=scale_out(of_component[:, :1], largest),
            component_end=scale_out(of_component[:, 1:], largest),
            first=_NOTHING,
            historical=_NOTHING,
        )


_NOTHING = SummaryInputs(
    **{name: np.zeros((0, 1, 0)) for name in ("context", "start", "end", "metrics", "mask")},
    present=np.zeros(0, dtype=np.bool_),
)
"""Observed components are preceded by nothing that mattered to their metrics."""


def remove_context_effect(past_runs: Sequence[PastRun], corrections: Corrections) -> list[PastRun]:
    """Past runs without what the network attributes to their contexts.

    Their components without what the network, before their start, would have made of their
    context, so that curves and deviations learned from them are free of it.
    """
    sizes = {_size(c) for run in past_runs for c in run.components}
    candidates = tuple(sorted(sizes))
    return [_without_context_effect(run, corrections, candidates) for run in past_runs]


def remove_network_effect(past_runs: Sequence[PastRun], corrections: Corrections) -> list[PastRun]:
    """Past runs without what the network attributes to their contexts and measured metrics."""
    made = []
    for run in past_runs:
        ordered = sorted(run.components, key=lambda component: component.position)
        made.append(_with_seconds_divided(run, ordered, corrections.finished(ordered, run.context)))
    return made


def divide_seconds(
    components: Sequence[Component], log_factors: FloatArray
) -> tuple[Component, ...]:
    """Components whose seconds lack a factor ``exp(log_factor)`` each."""
    factors = np.exp(-log_factors).tolist()
    return tuple(
        c if c.added_s is None else replace(c, added_s=c.added_s * factor)
        for c, factor in zip(components, factors, strict=True)
    )


def _without_context_effect(
    run: PastRun, corrections: Corrections, candidates: tuple[int, ...]
) -> PastRun:
    ordered = sorted(run.components, key=lambda component: component.position)
    if not ordered:
        return run
    moment = Moment(context_properties(run.context), None, None)
    identities = [(c.key, c.occurrence) for c in ordered]
    at_sizes = corrections.remaining(identities, moment, candidates)
    rows = [candidates.index(_size(c)) for c in ordered]
    return _with_seconds_divided(run, ordered, at_sizes[rows, np.arange(len(rows))])


def _with_seconds_divided(
    run: PastRun, ordered: Sequence[Component], log_factors: FloatArray
) -> PastRun:
    """The run with other components; what follows the last of them stays as long as it was."""
    components = divide_seconds(ordered, log_factors)
    pairs = zip(components, ordered, strict=True)
    saved_s = sum((old.added_s or 0.0) - (new.added_s or 0.0) for new, old in pairs)
    return replace(run, components=components, runtime_s=run.runtime_s - saved_s)


def _size(component: Component) -> int:
    """Its mean executors as the nearest whole number, at least 1."""
    return max(round(component.scale_out.mean or component.scale_out.end), 1)
