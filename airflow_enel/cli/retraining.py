"""``enel`` in ``airflow enel evaluate``: models trained on what was over before each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from airflow_enel.cli.output import Report, note, phases
from airflow_enel.control.training import CannotTrain, need_torch
from airflow_enel.predict import Forecaster
from airflow_enel.predict.enel.model import EnelModel, TooLittleHistory, TrainingJob
from airflow_enel.predict.enel.retrained import schedule
from airflow_enel.predict.evaluation import Series

SEED = 0
"""The same runs give the same evaluation."""


def enel_makers(
    found: Sequence[Series], warm_up: int | None, *, asked: bool
) -> tuple[Callable[[], Forecaster], ...] | None:
    """Train all models and return what makes the forecaster of each series.

    torch is needed, and imported, only if there is something to learn.

    :param asked: whether somebody has named it
    :return: None where torch is missing, unless it was asked for
    :raises SystemExit: where torch is missing and it was asked for
    """
    plan = schedule(found, warm_up)
    for job in plan.silent:
        note(
            f"{job}: enel is its prior alone: no run has stages, a context or executors that "
            "came or went in a component"
        )
    if not plan.trainings:
        return plan.makers(())
    try:
        need_torch()
    except CannotTrain as error:
        if asked:
            raise SystemExit(f"enel cannot be evaluated: {error}") from None
        note("enel is left out: it needs airflow-enel[train]")
        return None
    return plan.makers(_models(plan.trainings))


def _models(trainings: Sequence[tuple[TrainingJob, ...]]) -> list[EnelModel | None]:
    found = []
    with phases() as report:
        for number, jobs in enumerate(trainings):
            report("trainings", number, len(trainings))
            found.append(_trained(jobs, report))
    return found


def _trained(jobs: tuple[TrainingJob, ...], report: Report) -> EnelModel | None:
    """The model, None if there was too little to learn from yet."""
    from airflow_enel.predict.enel.training import train  # noqa: PLC0415 - torch

    def step(_what: str, done: int, of: int) -> None:
        report("this one", done, of)

    try:
        return train(jobs, seed=SEED, created_at=0.0, progress=step)
    except TooLittleHistory:
        return None
