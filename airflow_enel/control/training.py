"""One training: what to learn from, anew or on top of the last model, and what to publish.

The network itself is trained by :mod:`airflow_enel.predict.enel.training`, which needs torch and is
imported only here, when a model is wanted. The history is given, clock readings as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import TrainedModel, training_name
from airflow_enel.history.base import HistoryUnavailable

if TYPE_CHECKING:
    from airflow_enel.history.base import History
    from airflow_enel.predict.enel.manifest import Manifest
    from airflow_enel.predict.enel.model import EnelModel, TrainingJob

FROM_SCRATCH_EVERY: Final = 5
"""As the paper: every fifth training begins anew."""

LARGEST_SEED: Final = 999_999_999
"""Every generator of random numbers takes it, and ``airflow enel train`` no larger one."""

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done, and how much there is."""

_SAVES: Final = 6
"""Tries to publish a model that has cost minutes; a history insists for seconds by itself."""

_NAME: Final = re.compile(r"[a-z]+-\d{8}T\d{6}Z-r(\d{1,6})-[0-9a-f]{8}")


class CannotTrain(Exception):
    """Training is not possible here; the message says what to do."""


class NothingToLearn(Exception):
    """There are too few runs, or no new ones; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TrainingWish:
    """How a model is to be trained.

    :param seed: the same history and seed give the same model
    :param from_scratch_every: of so many trainings one begins anew, the others fine-tune
    :param in_any_case: begin anew, even if there is no run that the latest model has not learned
    :raises ValueError: unless 0 ≤ seed ≤ :data:`LARGEST_SEED` and from_scratch_every ≥ 1
    """

    seed: int = 0
    from_scratch_every: int = FROM_SCRATCH_EVERY
    in_any_case: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed must be a number from 0 to {LARGEST_SEED}, not {self.seed}")
        if self.from_scratch_every < 1:
            raise ValueError(
                f"from_scratch_every must be at least 1, not {self.from_scratch_every}"
            )


@dataclass(frozen=True, slots=True)
class Training:
    """What came of it.

    :param reason: why it began anew, or on top of which model
    """

    model: TrainedModel
    manifest: Manifest
    from_scratch: bool
    reason: str

    @property
    def how(self) -> str:
        """How it was trained, in words."""
        return f"from scratch ({self.reason})" if self.from_scratch else f"on top of {self.reason}"


@dataclass(frozen=True, slots=True)
class _Start:
    """Where a training begins.

    :param round: trainings since the last one from scratch, which is round 0
    :param reason: see `Training`
    """

    model: EnelModel | None
    round: int
    reason: str


def train_shared_model(
    history: History, wish: TrainingWish, now: float, progress: Progress
) -> Training:
    """Train the model of all recurring jobs and publish it.

    :param now: seconds since the epoch; runs that end later are new to the next training
    :raises CannotTrain: if torch is missing
    :raises NothingToLearn: if there is too little history, or nothing new in it
    :raises HistoryError: if the history is away, or may not be read or written from here
    """
    need_torch()
    jobs = _jobs(history, progress)
    start = _start(history, wish, jobs)
    trained = _trained(jobs, wish, now, start, progress)
    model = sealed(trained, start.round)
    _publish(history, model)
    return Training(model, trained.manifest, start.model is None, start.reason)


def need_torch() -> None:
    """Refuse to begin without the libraries that training needs.

    :raises CannotTrain: names the extra to install
    """
    try:
        import airflow_enel.predict.enel.training  # noqa: F401, PLC0415 - torch
    except ImportError as error:
        raise CannotTrain(
            'training needs torch and torch-geometric: pip install "airflow-enel[train]" where '
            f"models are trained ({error})"
        ) from error


def sealed(trained: EnelModel, round_: int) -> TrainedModel:
    """A model as it is kept, with a name that tells when and in which round it was trained."""
    from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415
    from airflow_enel.predict.enel.model import dump_weights  # noqa: PLC0415

    created_at = trained.manifest.created_at
    manifest, weights = trained.manifest.to_json(), dump_weights(trained.weights)
    unnamed = TrainedModel.sealed("-", KIND, SCHEMA_VERSION, manifest, weights, created_at)
    moment = datetime.fromtimestamp(created_at, timezone.utc)
    name = f"{KIND}-{moment:%Y%m%dT%H%M%SZ}-r{round_}-{unnamed.sha256[:8]}"
    return TrainedModel.sealed(name, KIND, SCHEMA_VERSION, manifest, weights, created_at)


def round_of(name: str) -> int | None:
    """Trainings since the one from scratch, by a model's name; None if we have not named it."""
    match = _NAME.fullmatch(name)
    return None if match is None else int(match[1])


def _jobs(history: History, progress: Progress) -> tuple[TrainingJob, ...]:
    from airflow_enel.predict.enel.model import TrainingJob  # noqa: PLC0415

    jobs = []
    for found in history.training_runs():
        jobs.append(TrainingJob(training_name(found.job.dag_id, found.job.job_key), found.runs))
        progress("reading history", len(jobs), 0)
    if not jobs:
        raise NothingToLearn(
            "no recurring job has a run that has succeeded yet: let some run, or import event "
            "logs of earlier runs with airflow enel import-history"
        )
    return tuple(jobs)


def _start(history: History, wish: TrainingWish, jobs: Sequence[TrainingJob]) -> _Start:
    if wish.in_any_case:
        return _Start(None, 0, "as asked for")
    try:
        latest = _latest(history)
    except ValueError as error:  # ModelUnusable is one
        return _Start(None, 0, f"the last model cannot be used: {error}")
    if latest is None:
        return _Start(None, 0, "there is no model yet")
    name, model = latest
    late, newer = _new(jobs, model.manifest)
    if not late and not newer:
        raise NothingToLearn(
            f"there is no run that this model has not learned from: {name}; wait for one"
        )
    before = round_of(name)
    if before is None or before + 1 >= wish.from_scratch_every:
        every = f"every {wish.from_scratch_every} trainings one begins anew"
        return _Start(None, 0, "as asked for" if wish.from_scratch_every == 1 else every)
    if late > newer:
        return _Start(None, 0, f"runs that came late, older than those it knows: {late}")
    told = f", with runs that came late, older than those it knows: {late}"
    return _Start(model, before + 1, f"model {name}{told if late else ''}")


def _latest(history: History) -> tuple[str, EnelModel] | None:
    """Name and network of the latest model.

    :raises ModelUnusable: (a ValueError) says why not
    """
    from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415
    from airflow_enel.predict.enel.model import load_model  # noqa: PLC0415

    latest = history.latest_model(KIND)
    if latest is None:
        return None
    latest.verified(KIND, SCHEMA_VERSION)
    return latest.name, load_model(latest.manifest, latest.weights)


def _new(jobs: Sequence[TrainingJob], manifest: Manifest) -> tuple[int, int]:
    """How many runs that a model has not learned came late, and how many are newer than all it has.

    Of a job that it knows, fine-tuning judges it only by those that are newer. Others come late:
    by an import, or because they ran on while shorter ones of other jobs ended. A few of these
    are no reason to begin anew, or jobs that overlap would never be fine-tuned.
    """
    from airflow_enel.predict.alignment import Alignment  # noqa: PLC0415 - numpy

    known = {gate.job: gate for gate in manifest.jobs}
    late = newer = 0
    for job in jobs:
        usable = [run for run in job.runs if Alignment.of([run]).columns]
        if len(usable) == 1:
            continue  # a job with one run teaches nothing
        gate = known.get(job.name)
        if gate is None:
            # The first run of a job only says what the prior makes of the second.
            new = sorted(usable, key=lambda run: run.started_at)[1:]
        else:
            new = [run for run in usable if not gate.has_learned(run.run_id)]
        after = sum(run.started_at > manifest.latest_run_at for run in new)
        late += len(new) - after
        newer += after
    return late, newer


def _trained(
    jobs: tuple[TrainingJob, ...],
    wish: TrainingWish,
    now: float,
    start: _Start,
    progress: Progress,
) -> EnelModel:
    from airflow_enel.predict.enel.model import TooLittleHistory  # noqa: PLC0415
    from airflow_enel.predict.enel.training import train  # noqa: PLC0415 - torch

    try:
        return train(jobs, seed=wish.seed, created_at=now, start=start.model, progress=progress)
    except TooLittleHistory as error:
        raise NothingToLearn(str(error)) from error


def _publish(history: History, model: TrainedModel) -> None:
    for _ in range(_SAVES - 1):
        with suppress(HistoryUnavailable):
            return history.save_model(model)
    return history.save_model(model)
