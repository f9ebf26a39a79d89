"""Training examples: past runs cut at several moments, with the prior that others give them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.predict.alignment import Alignment
from airflow_enel.predict.enel.features.job_history import JobHistory
from airflow_enel.predict.enel.features.stage_graph import RunFeatures
from airflow_enel.predict.enel.inference.corrections import Corrections, remove_context_effect
from airflow_enel.predict.enel.training.run_graph import RunGraph, run_graph
from airflow_enel.predict.gaussian.prior import Prior

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from airflow_enel.domain import Component, JobRuns, PastRun, RunContext
    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.inference.numpy_network import EnelInference
    from airflow_enel.predict.samples import FloatArray

MOMENTS: Final = (0.0, 1 / 16, 1 / 4, 1.0)
"""Moments of every run, by the part of its components that have finished. Early ones leave more
to be predicted; past runs are explained as they are at the last one."""


@dataclass(frozen=True, slots=True)
class TrainingRuns:
    """Usable runs of one job, oldest first, and their graphs."""

    job: str
    runs: tuple[PastRun, ...]
    features: tuple[RunFeatures, ...]

    @classmethod
    def of(cls, job: JobRuns) -> Self:
        """Runs that finished at least one component."""
        runs = tuple(run for run in job.in_order() if Alignment.of([run]).columns)
        return cls(job.job, runs, tuple(RunFeatures.of(run, job.job) for run in runs))

    def first(self, count: int) -> TrainingRuns:
        """The oldest of them."""
        return TrainingRuns(self.job, self.runs[:count], self.features[:count])


def leave_out_examples(
    job: TrainingRuns,
    config: EnelConfig,
    network: EnelInference | None = None,
    folds: int | None = None,
) -> Iterator[RunGraph]:
    """Examples of all runs, each seen by what others say; none with fewer than two.

    :param network: what the prior's past runs are brought to their usual context with
    :param folds: parts of the runs that are left out together, which is cheaper; each run on its
        own without it
    """
    runs = range(len(job.runs) if len(job.runs) > 1 else 0)
    parts = len(runs) if folds is None else min(folds, len(runs))
    for part in range(parts):
        others = [k for k in runs if k % parts != part]
        past = ExampleBuilder(
            job.job,
            [job.runs[k] for k in others],
            [job.features[k] for k in others],
            config,
            network,
        )
        for index in runs[part::parts]:
            yield from past.examples(job.runs[index], job.features[index])


def walk_forward_examples(
    job: TrainingRuns, known: int, config: EnelConfig, network: EnelInference | None = None
) -> Iterator[RunGraph]:
    """Examples of the runs after the first ``known`` ones, seen by what those say."""
    past = ExampleBuilder(job.job, job.runs[:known], job.features[:known], config, network)
    for run, features in zip(job.runs[known:], job.features[known:], strict=True):
        yield from past.examples(run, features)


class ExampleBuilder:
    """Past runs of a job that others are predicted from."""

    def __init__(
        self,
        job: str,
        runs: Sequence[PastRun],
        features: Sequence[RunFeatures],
        config: EnelConfig,
        network: EnelInference | None,
    ) -> None:
        self._config = config
        self._history = JobHistory.of(features, config)
        if network is not None:
            runs = remove_context_effect(runs, Corrections(network, self._history, job))
        past = Alignment.of(runs)
        self._columns = past.columns
        self._prior = Prior.of(past)

    def examples(self, run: PastRun, features: RunFeatures) -> Iterator[RunGraph]:
        """Moments of a run, if any of its components was seen before."""
        ordered = sorted(run.components, key=lambda component: component.position)
        prior_s = self._prior_s(ordered, run.context)
        if np.isnan(prior_s).all():
            return
        cuts = {round(len(ordered) * moment) for moment in MOMENTS}
        for cut in sorted(cuts):
            graph = run_graph(features, self._history, self._config, prior_s, cut)
            yield _with_usable_targets(graph, prior_s)

    def _prior_s(self, ordered: Sequence[Component], context: RunContext) -> FloatArray:
        """Seconds of the components at their own executors, NaN where unknown, ``(k,)``."""
        executors = np.array([c.scale_out.mean or c.scale_out.end for c in ordered])
        sizes = np.maximum(np.rint(executors), 1.0)
        effect = self._prior.context_effect
        row = effect.features.row(context)[None]
        log_s = self._prior.shapes.at(sizes) + effect.of(row, np.log(sizes)[:, None])
        columns = [self._columns.get((c.key, c.occurrence)) for c in ordered]
        return np.array(
            [
                np.nan if column is None else np.exp(log_s[row, column])
                for row, column in enumerate(columns)
            ]
        )


def _with_usable_targets(graph: RunGraph, prior_s: FloatArray) -> RunGraph:
    """The graph without targets where the prior is NaN, and with π that are finite everywhere.

    :param prior_s: seconds the prior gives each component, ``(k,)``
    """
    unknown = np.isnan(prior_s)
    of_node = unknown[graph.component]
    return replace(
        graph,
        added_s=np.where(unknown, np.nan, graph.added_s),
        runtime_s=np.where(of_node, np.nan, graph.runtime_s),
        prior_s=np.where(of_node, 1.0, graph.prior_s),
    )


def hash_of(jobs: Sequence[TrainingRuns]) -> str:
    """SHA-256 over what the network could learn from."""
    digest = hashlib.sha256()
    for job in jobs:
        digest.update(repr((job.job, job.runs)).encode("utf-8", "replace"))
    return digest.hexdigest()
