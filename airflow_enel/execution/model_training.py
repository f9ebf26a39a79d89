"""Trains the shared model from the history of all recurring jobs, and publishes it.

For ``EnelTrainOperator`` and ``airflow enel train``. The network itself is trained by
:mod:`airflow_enel.predict.enel.training.trainer`, which needs torch and is imported only here,
when a model is wanted. DAG files import this module.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_enel.control.training_plan import (
    NamedModel,
    NothingToLearn,
    TrainingPlan,
    TrainingRequest,
    plan_training,
    sealed,
)
from airflow_enel.history.interface import HistoryUnavailable

if TYPE_CHECKING:
    from airflow_enel.domain import JobRuns, TrainedModel
    from airflow_enel.history.interface import History
    from airflow_enel.predict.enel.manifest import Manifest
    from airflow_enel.predict.enel.model import EnelModel

ReportProgress = Callable[[str, int, int], None]
"""Takes the name of a phase, how much of it is done, and how much there is (0 if unknown)."""

_SAVES: Final = 6
"""Tries to publish a model that has cost minutes; a history insists for seconds by itself."""


class CannotTrain(Exception):
    """Training is not possible here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is done.

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


def train_shared_model(
    history: History, request: TrainingRequest, now: float, progress: ReportProgress
) -> Training:
    """Train the model of all recurring jobs and publish it.

    :param now: seconds since the epoch; runs that end later are new to the next training
    :raises CannotTrain: if torch is missing
    :raises NothingToLearn: if there is too little history, or nothing new in it
    :raises HistoryError: if the history is away, or may not be read or written from here
    """
    need_torch()
    jobs = _jobs(history, progress)
    plan = _plan(history, request, jobs)
    trained = _trained(jobs, request, now, plan, progress)
    model = sealed(trained, plan.round)
    _publish(history, model)
    return Training(model, trained.manifest, plan.start is None, plan.reason)


def need_torch() -> None:
    """Refuse to begin without the libraries that training needs.

    :raises CannotTrain: names the extra to install
    """
    try:
        import airflow_enel.predict.enel.training.trainer  # noqa: F401, PLC0415 - torch
    except ImportError as error:
        raise CannotTrain(
            'training needs torch and torch-geometric: pip install "airflow-enel[train]" where '
            f"models are trained ({error})"
        ) from error


def _jobs(history: History, progress: ReportProgress) -> tuple[JobRuns, ...]:
    jobs: list[JobRuns] = []
    for found in history.training_runs():
        jobs.append(found)
        progress("reading history", len(jobs), 0)
    if not jobs:
        raise NothingToLearn(
            "no recurring job has a run that has succeeded yet: let some run, or import event "
            "logs of earlier runs with airflow enel import-history"
        )
    return tuple(jobs)


def _plan(history: History, request: TrainingRequest, jobs: tuple[JobRuns, ...]) -> TrainingPlan:
    if request.in_any_case:
        return plan_training(request, jobs, None)
    try:
        latest = _latest(history)
    except ValueError as error:  # ModelUnusable is one
        return plan_training(request, jobs, None, fault=str(error))
    return plan_training(request, jobs, latest)


def _latest(history: History) -> NamedModel | None:
    """The latest model.

    :raises ModelUnusable: (a ValueError) says why not
    """
    from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415
    from airflow_enel.predict.enel.model import load_model  # noqa: PLC0415

    latest = history.latest_model(KIND)
    if latest is None:
        return None
    latest.verified(KIND, SCHEMA_VERSION)
    return NamedModel(latest.name, load_model(latest.manifest, latest.weights))


def _trained(
    jobs: tuple[JobRuns, ...],
    request: TrainingRequest,
    now: float,
    plan: TrainingPlan,
    progress: ReportProgress,
) -> EnelModel:
    from airflow_enel.predict.enel.model import TooLittleHistory  # noqa: PLC0415
    from airflow_enel.predict.enel.training.trainer import train  # noqa: PLC0415 - torch

    try:
        return train(jobs, seed=request.seed, created_at=now, start=plan.start, progress=progress)
    except TooLittleHistory as error:
        raise NothingToLearn(str(error)) from error


def _publish(history: History, model: TrainedModel) -> None:
    for _ in range(_SAVES - 1):
        with suppress(HistoryUnavailable):
            return history.save_model(model)
    return history.save_model(model)
