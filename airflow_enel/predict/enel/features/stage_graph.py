"""Builds graphs of stages from the components of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from airflow_enel.domain import StageMetrics
from airflow_enel.domain.context import CODE
from airflow_enel.predict.enel.features.measurements import node_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Component, PastRun, RunContext, Stage
    from airflow_enel.predict.enel.features.encoding import Property
    from airflow_enel.predict.occurrences import Identity
    from airflow_enel.predict.samples import FloatArray

IntArray: TypeAlias = NDArray[np.int64]
Structure: TypeAlias = "tuple[tuple[str, ...], tuple[tuple[int, int], ...]]"
"""Names of the nodes and edges (source, target): what makes two graphs alike."""


@dataclass(frozen=True, slots=True)
class ComponentGraph:
    """One component: ``n`` nodes, one per submitted stage, in topological order by depth.

    :param identity: key and occurrence
    :param names: of the stages, ``n`` of them
    :param edges: (source, target) pairs, sorted by target
    :param depth: longest way from a root, ascending, ``(n,)``
    :param start: executors at the start of the component
    :param end: executors at its end
    :param node_start: executors at the start of each node, ``(n,)``
    :param node_end: executors at its end, ``(n,)``
    :param rescaling: r, the fraction of the node's time spent on the way between, ``(n,)``
    :param metrics: ``(n, 5)``, 0 where not defined
    :param mask: 1 where defined, ``(n, 5)``
    :param runtime_s: of the nodes, 0 where unknown, ``(n,)``
    :param added_s: what the component added to the run, None while it runs
    :param always: u, the properties that every component has
    :param own: w, the properties of each node
    """

    identity: Identity
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    depth: IntArray
    start: float
    end: float
    node_start: FloatArray
    node_end: FloatArray
    rescaling: FloatArray
    metrics: FloatArray
    mask: FloatArray
    runtime_s: FloatArray
    added_s: float | None
    always: tuple[Property, ...]
    own: tuple[tuple[Property, ...], ...]

    @classmethod
    def of(cls, component: Component, job: str) -> Self:
        """The graph of a component of a job; a single node without metrics if it has no stages.

        Only the last attempt of a stage counts.
        """
        stages = _in_order(component.stages)
        ordinal = {stage.stage_id: index for index, (stage, _) in enumerate(stages)}
        edges = sorted(
            (
                (ordinal[parent], ordinal[stage.stage_id])
                for stage, _ in stages
                for parent in _parents(stage, ordinal)
            ),
            key=lambda edge: (edge[1], edge[0]),
        )
        scale_outs = [stage.scale_out for stage, _ in stages] or [component.scale_out]
        measured = [node_metrics(stage.metrics) for stage, _ in stages] or [
            node_metrics(StageMetrics())
        ]
        added_s = component.added_s
        return cls(
            identity=(component.key, component.occurrence),
            names=tuple(stage.name for stage, _ in stages) or (component.key,),
            edges=tuple(edges),
            depth=np.array([depth for _, depth in stages] or [0], dtype=np.int64),
            start=float(component.scale_out.start),
            end=float(component.scale_out.end),
            node_start=np.array([s.start for s in scale_outs], dtype=np.float64),
            node_end=np.array([s.end for s in scale_outs], dtype=np.float64),
            rescaling=np.array([s.rescaling_fraction for s in scale_outs], dtype=np.float64),
            metrics=np.array([values for values, _ in measured]),
            mask=np.array([mask for _, mask in measured]),
            runtime_s=np.array([_seconds(s) for s, _ in stages] or [max(added_s or 0.0, 0.0)]),
            added_s=added_s,
            always=(job, component.key, component.position, component.occurrence),
            own=tuple((s.name, s.tasks, s.attempt) for s, _ in stages) or ((component.key,),),
        )

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.names)

    @property
    def structure(self) -> Structure:
        """Names and edges: equal for the same component of runs with the same plan."""
        return self.names, self.edges


@dataclass(frozen=True, slots=True)
class RunFeatures:
    """A run as graphs, made once per run and used for every model and every forecast.

    :param context: its run context, see `context_properties`
    :param components: in the order of their positions
    """

    run_id: str
    started_at: float
    context: tuple[tuple[str, Property], ...]
    components: tuple[ComponentGraph, ...]

    @classmethod
    def of(cls, run: PastRun, job: str) -> Self:
        """The graphs of a past run.

        :param job: signature of the recurring job, a property of all its components
        """
        ordered = sorted(run.components, key=lambda component: component.position)
        graphs = tuple(ComponentGraph.of(component, job) for component in ordered)
        return cls(run.run_id, run.started_at, context_properties(run.context), graphs)


def context_properties(context: RunContext) -> tuple[tuple[str, Property], ...]:
    """What the network sees of a run context: not the digest of the code, which is noise to it."""
    return tuple((name, value) for name, value in context if name != CODE)


def path_shares(runtime_s: FloatArray, edges: Sequence[tuple[int, int]]) -> FloatArray:
    """Share of every node in the longest path of its component, ``(n,)``.

    Along the longest path they add up to 1, so that a component's seconds times the shares give
    its seconds again by (5). Equal shares if no node took any time.

    :param runtime_s: at least 0, in topological order
    """
    weights = np.where(np.isfinite(runtime_s), np.maximum(runtime_s, 0.0), 0.0)
    if not weights.any():
        weights = np.ones(len(weights))
    total = weights.copy()
    for source, target in edges:  # sorted by target: a source is complete when it is read
        total[target] = max(total[target], weights[target] + total[source])
    shares: FloatArray = weights / total.max()
    return shares


def _in_order(stages: Sequence[Stage]) -> list[tuple[Stage, int]]:
    """The last attempts with their depth, by depth and id."""
    last: dict[int, Stage] = {}
    for stage in sorted(stages, key=lambda stage: (stage.stage_id, stage.attempt)):
        last[stage.stage_id] = stage
    depth: dict[int, int] = {}
    for stage_id, stage in last.items():  # parents have lower ids than their children
        depth[stage_id] = 1 + max((depth[parent] for parent in _parents(stage, last)), default=-1)
    ordered = sorted(last.values(), key=lambda stage: (depth[stage.stage_id], stage.stage_id))
    return [(stage, depth[stage.stage_id]) for stage in ordered]


def _parents(stage: Stage, known: dict[int, Stage] | dict[int, int]) -> list[int]:
    """Parents within the component; a wrong id must not make a cycle."""
    return [p for p in set(stage.parents) if p in known and p < stage.stage_id]


def _seconds(stage: Stage) -> float:
    """Runtime of a stage, 0 if it did not complete."""
    if stage.completed_at is None:
        return 0.0
    return max(stage.completed_at - stage.submitted_at, 0.0)
