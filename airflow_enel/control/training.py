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

from airflow_enel.control.policies import training_name
from airflow_enel.domain import TrainedModel
from airflow_enel.history.base import HistoryUnavailable

if TYPE_CHECKING:
    from airflow_enel.history.base import History
    from airflow_enel.predict.enel.manifest import Manifest
    from airflow_enel.predict.enel.model import EnelModel, TrainingJob

FROM_SCRATCH_EVERY: Final = 5
"""As the paper: every fifth training begins anew."""

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
    :raises ValueError: unless seed ≥ 0 and from_scratch_every ≥ 1
    """

    seed: int = 0
    from_scratch_every: int = FROM_SCRATCH_EVERY

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")
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
    from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415
    from airflow_enel.predict.enel.model import load_model  # noqa: PLC0415

    if wish.from_scratch_every == 1:
        return _Start(None, 0, "as asked for")
    try:
        latest = history.latest_model(KIND)
        if latest is None:
            return _Start(None, 0, "there is no model yet")
        latest.verified(KIND, SCHEMA_VERSION)
        model = load_model(latest.manifest, latest.weights)
    except ValueError as error:  # ModelUnusable is one
        return _Start(None, 0, f"the last model cannot be used: {error}")
    before = round_of(latest.name)
    if before is None or before + 1 >= wish.from_scratch_every:
        return _Start(None, 0, f"every {wish.from_scratch_every} trainings one begins anew")
    missed, newer = _missed(jobs, model.manifest)
    if missed > newer:
        return _Start(None, 0, f"runs that came late, older than those it knows: {missed}")
    late = f", which leaves out runs that came late, older than those it knows: {missed}"
    return _Start(model, before + 1, f"model {latest.name}{late if missed else ''}")


def _missed(jobs: Sequence[TrainingJob], manifest: Manifest) -> tuple[int, int]:
    """How many new runs the fine-tuning of a model would leave out, and how many it would take.

    It takes those that started after all that the model knows. Others come late: by an import, or
    because they ran on while shorter ones of other jobs ended. A few of these are no reason to
    begin anew, or jobs that overlap would never be fine-tuned; the next training from scratch
    takes them.
    """
    from airflow_enel.predict.alignment import Alignment  # noqa: PLC0415 - numpy

    known = {gate.job: gate.runs for gate in manifest.jobs}
    missed = newer = 0
    for job in jobs:
        usable = [run.started_at for run in job.runs if Alignment.of([run]).columns]
        older = sum(started_at <= manifest.latest_run_at for started_at in usable)
        # The first run of a job only says what the prior makes of the second.
        missed += max(older - max(known.get(job.name, 0), 1), 0)
        newer += len(usable) - max(older, 1) if usable else 0
    return missed, newer


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
