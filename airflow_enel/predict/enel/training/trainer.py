"""Trains or fine-tunes the network on the past runs of all recurring jobs. Imports torch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from airflow_enel.predict.enel.config import DEFAULT
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.model import EnelModel, TooLittleHistory
from airflow_enel.predict.enel.training.early_stopping import EarlyStopping, copied_state
from airflow_enel.predict.enel.training.examples import (
    TrainingRuns,
    leave_out_examples,
    walk_forward_examples,
)
from airflow_enel.predict.enel.training.held_out_evaluation import (
    evaluate_held_out,
    manifest_of,
    with_gates,
    with_open_gates,
)
from airflow_enel.predict.enel.training.optimisation import (
    batches,
    error_of,
    optimise,
    training_settings,
)
from airflow_enel.predict.enel.training.torch_network import EnelNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_enel.domain import JobRuns
    from airflow_enel.predict.enel.config import EnelConfig
    from airflow_enel.predict.enel.training.optimisation import Batch
    from airflow_enel.predict.enel.training.run_graph import RunGraph

    Report = Callable[[str, int, int], None]

LEAST_RUNS: Final = 8
"""Past runs of all jobs together below which there is nothing to learn: a quarter is held out."""
LEAST_OF_JOB: Final = 4
"""Runs of a job from which on its newest are held out; a job with one run teaches nothing."""
FINE_STEPS: Final = 100
"""Steps of fine-tuning, or once through all runs if that is more."""
FOLDS: Final = 8
"""Parts of a job's runs, each of which is seen by the others: leaving out every run on its own
teaches the same and takes a fit per run."""
FINE_FOLDS: Final = 4
"""The same in fine-tuning."""
UNSEEN: Final = 2
"""Runs after which those of a job that the model does not know yet are forecast, to judge it."""


def train(
    jobs: Sequence[JobRuns],
    *,
    config: EnelConfig = DEFAULT,
    seed: int,
    created_at: float,
    start: EnelModel | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> EnelModel:
    """Train a network; the same for the same runs and seed on one machine.

    From scratch: a first network learns from all but the newest quarter of each job's runs until
    it gets no better on those. They also say how long to train and how far to trust it (see
    :class:`~airflow_enel.predict.enel.gate.Gate`). The final network learns from all runs.

    Fine-tuning: the auto-encoder stays, the rest goes on from ``start`` with all runs, as the new
    ones alone would make it forget the others. It stays as it was if that makes it no better. How
    far to trust it follows from the forecasts of ``start`` for the runs that are new to it.

    :param created_at: seconds since the epoch, for the manifest
    :param start: a model to fine-tune; its configuration counts then
    :param progress: called with (what is done, steps done, steps in all)
    :raises TooLittleHistory: (a ValueError) says what to do
    """
    report = progress or (lambda _what, _done, _all: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads come in any order
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            known = sorted((TrainingRuns.of(job) for job in jobs), key=lambda j: j.job)
            known = [job for job in known if len(job.runs) > 1]
            if start is not None:
                return _fine_tuned(known, start, seed, created_at, report)
            return _from_scratch(known, config, seed, created_at, report)
    finally:
        torch.set_num_threads(threads)


def _from_scratch(
    jobs: Sequence[TrainingRuns],
    config: EnelConfig,
    seed: int,
    created_at: float,
    report: Report,
) -> EnelModel:
    runs = sum(len(job.runs) for job in jobs)
    if runs < LEAST_RUNS or all(len(job.runs) < LEAST_OF_JOB for job in jobs):
        raise TooLittleHistory(
            f"{runs} past runs of jobs that ran more than once are too few to train on: at least "
            f"{LEAST_RUNS} are needed, {LEAST_OF_JOB} of them of one job. Let the jobs run on; "
            "forecasts come from the prior until then"
        )
    older = [job.first(len(job.runs) - _held_out(len(job.runs))) for job in jobs]
    first, epochs = _first(jobs, older, config, report)
    manifest = manifest_of(jobs, config, seed, created_at)
    candidate = EnelModel(with_open_gates(manifest), config, first.weights())
    found = [
        evaluate_held_out(candidate, job, len(old.runs), report, (index, len(jobs)))
        for index, (job, old) in enumerate(zip(jobs, older, strict=True))
    ]
    network, parts = _prepared(jobs, config, report, _context_correction(first))
    optimise(parts, network, epochs, lambda epoch: _reported(report, "all runs", epoch, epochs))
    manifest = with_gates(replace(manifest, epochs=epochs), jobs, found, None)
    return EnelModel(manifest, config, network.weights())


def _first(
    jobs: Sequence[TrainingRuns],
    older: Sequence[TrainingRuns],
    config: EnelConfig,
    report: Report,
) -> tuple[EnelNetwork, int]:
    """A network that knows only the older runs, best on the others, and its epochs, ≥ 1.

    A correction is trained twice: the curves of the prior that the second one corrects are
    learned from past runs that the first one has brought to their usual context.
    """
    best: EarlyStopping | None = None
    for _ in range(training_settings(config).rounds):
        best = _round(jobs, older, config, report, None if best is None else best.network)
    assert best is not None  # noqa: S101 - there is a round
    return best.network, max(best.epoch, 1)


def _round(
    jobs: Sequence[TrainingRuns],
    older: Sequence[TrainingRuns],
    config: EnelConfig,
    report: Report,
    before: EnelNetwork | None,
) -> EarlyStopping:
    """The best network that knows only the older runs."""
    usual = None if before is None else _context_correction(before)
    network, parts = _prepared(older, config, report, usual)
    held_out = [
        example
        for job, old in zip(jobs, older, strict=True)
        if len(job.runs) > len(old.runs)
        for example in walk_forward_examples(job, len(old.runs), config, usual)
    ]
    best = EarlyStopping(network, batches(held_out, network, size=max(len(held_out), 1)), report)
    optimise(parts, network, training_settings(config).epochs, best)
    network.load_state_dict(best.state)
    return best


def _fine_tuned(
    jobs: Sequence[TrainingRuns],
    start: EnelModel,
    seed: int,
    created_at: float,
    report: Report,
) -> EnelModel:
    known = [_learned_runs(job, start) for job in jobs]
    if all(old == len(job.runs) for job, old in zip(jobs, known, strict=True)):
        raise TooLittleHistory(
            "there is no run that this model has not learned from: wait for one, or train from "
            "scratch"
        )
    network = EnelNetwork.of(start.config, start.weights)
    usual = _context_correction(network)
    whole = EnelModel(with_open_gates(start.manifest), start.config, start.weights)
    found = [
        evaluate_held_out(whole, job, old, report, (index, len(jobs)))
        for index, (job, old) in enumerate(zip(jobs, known, strict=True))
    ]
    parts = batches(_examples(jobs, start.config, report, usual, FINE_FOLDS), network)
    before, state = error_of(parts, network), copied_state(network)
    fine_tune(network, parts, FINE_STEPS, lambda e, n: _reported(report, "all runs", e, n))
    if error_of(parts, network) > before:
        network.load_state_dict(state)
    manifest = replace(
        manifest_of(jobs, start.config, seed, created_at),
        epochs=start.manifest.epochs,
        from_scratch_at=start.manifest.from_scratch_at,
    )
    return EnelModel(
        with_gates(manifest, jobs, found, start.manifest), start.config, network.weights()
    )


def _learned_runs(job: TrainingRuns, start: EnelModel) -> int:
    """Number of a job's runs that the model knows already: not for evaluation."""
    if all(of.job != job.job for of in start.manifest.jobs):
        return min(UNSEEN, len(job.runs) - 1)
    return sum(run.started_at <= start.manifest.latest_run_at for run in job.runs)


def fine_tune(
    network: EnelNetwork,
    parts: Sequence[Batch],
    steps: int,
    after: Callable[[int, int], bool] = lambda _epoch, _all: True,
) -> None:
    """Go on training without the auto-encoder, in place; at least one epoch."""
    for part in (network.encoder, network.decoder):
        part.requires_grad_(False)
    with torch.no_grad():
        for batch in parts:
            batch.contexts = network.contexts(batch.graph)
    epochs = max(1, steps // len(parts))
    optimise(parts, network, epochs, lambda epoch: after(epoch, epochs), epochs)


def _context_correction(network: EnelNetwork) -> EnelInference | None:
    """The network as a correction of past runs; None if it predicts seconds."""
    if not network.config.residual:
        return None
    return EnelInference(network.config, network.weights())


def _held_out(runs: int) -> int:
    """The newest quarter, at least one."""
    return max(1, runs // 4) if runs >= LEAST_OF_JOB else 0


def _new(config: EnelConfig, examples: Sequence[RunGraph]) -> EnelNetwork:
    """An untrained network that knows how long a node takes."""
    network = EnelNetwork(config)
    known = np.concatenate([graph.runtime_s for graph in examples])
    known = known[np.isfinite(known)]
    if known.size:
        network.time_scale.fill_(max(float(np.median(known)), 1e-3))
    return network


def _prepared(
    jobs: Sequence[TrainingRuns],
    config: EnelConfig,
    report: Report,
    usual: EnelInference | None,
) -> tuple[EnelNetwork, list[Batch]]:
    """An untrained network and what it learns from; examples themselves are not kept beside it."""
    examples = _examples(jobs, config, report, usual)
    network = _new(config, examples)
    return network, batches(examples, network)


def _examples(
    jobs: Sequence[TrainingRuns],
    config: EnelConfig,
    report: Report,
    usual: EnelInference | None,
    folds: int = FOLDS,
) -> list[RunGraph]:
    examples: list[RunGraph] = []
    for index, job in enumerate(jobs):
        examples += leave_out_examples(job, config, usual, folds)
        report("examples", index + 1, len(jobs))
    if not examples:
        raise TooLittleHistory(
            "too few past runs of a job have a component in common to train on; forecasts come "
            "from the prior"
        )
    return examples


def _reported(report: Report, what: str, done: int, of: int) -> bool:
    report(what, done, of)
    return True
