"""Trains the models of ``enel`` for ``airflow enel evaluate``, each on earlier runs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_enel.cli.output import Report, note, phases
from airflow_enel.domain import JobRuns
from airflow_enel.execution.model_training import CannotTrain, need_torch
from airflow_enel.predict import Forecaster
from airflow_enel.predict.enel.model import EnelModel, TooLittleHistory
from airflow_enel.predict.enel.training.schedule import (
    TrainingSchedule,
    schedule_trainings,
)
from airflow_enel.predict.evaluation import forecast_range

SEED = 0
"""The same runs give the same evaluation."""


def enel_makers(
    found: Sequence[JobRuns], warm_up: int | None, *, asked: bool
) -> tuple[Callable[[], Forecaster], ...] | None:
    """Train all models and return what makes the forecaster of each series.

    Where that is nothing but its prior, a note says why. torch is needed, and imported, only if
    there is something to learn.

    :param asked: whether somebody has named it
    :return: None where torch is missing, unless it was asked for
    :raises SystemExit: where torch is missing and it was asked for
    """
    plan = schedule_trainings(found, warm_up)
    if plan.trainings:
        try:
            need_torch()
        except CannotTrain as error:
            if asked:
                raise SystemExit(f"enel cannot be evaluated: {error}") from None
            note("enel is left out: it needs airflow-enel[train]")
            return None
    models, fault = _models(plan.trainings)
    _tell_priors(found, warm_up, plan, models, fault)
    return plan.makers(models)


def _models(trainings: Sequence[tuple[JobRuns, ...]]) -> tuple[list[EnelModel | None], str]:
    """The models, None where there was too little to learn from yet, and why so at last."""
    found: list[EnelModel | None] = []
    fault = "no other run was over when its runs began"
    with phases() as report:
        for number, jobs in enumerate(trainings):
            report("trainings", number, len(trainings))
            try:
                found.append(_trained(jobs, report))
            except TooLittleHistory as error:
                fault = f"no model could be trained before its last run: {error}"
                found.append(None)
    return found, fault


def _trained(jobs: tuple[JobRuns, ...], report: Report) -> EnelModel:
    from airflow_enel.predict.enel.training.trainer import train  # noqa: PLC0415 - torch

    def step(_what: str, done: int, of: int) -> None:
        report("this one", done, of)

    return train(jobs, seed=SEED, created_at=0.0, progress=step)


def _tell_priors(
    found: Sequence[JobRuns],
    warm_up: int | None,
    plan: TrainingSchedule,
    models: list[EnelModel | None],
    fault: str,
) -> None:
    """Note for which jobs ``enel`` equals its prior in every forecast, a line per reason."""
    reasons: dict[str, list[str]] = {}
    for index, series in enumerate(found):
        used = [models[training] for training in plan.trainings_of(index)]
        gates = [model.manifest.gates_of(series.job).shares for model in used if model is not None]
        if not forecast_range(len(series.runs), warm_up) or any(map(any, gates)):
            continue
        if series.job in plan.without_signal:
            why = "no run has stages, a context or executors that came or went in a component"
        elif gates:
            why = (
                "its gates are closed, as the network was no better than the prior on runs that "
                "it had not seen"
            )
        else:
            why = fault
        reasons.setdefault(why, []).append(series.job)
    for why, jobs in reasons.items():
        note(f"{', '.join(jobs)}: enel is its prior alone: {why}")
