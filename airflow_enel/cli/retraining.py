"""``enel`` in ``airflow enel evaluate``: models trained on what was over before each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

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

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress

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
    witness = _Witness()
    for series, maker in zip(found, plan.makers(models, witness), strict=True):
        used = witness.models(maker, series, warm_up)
        gates = [model.manifest.gates_of(series.job) for model in used if model is not None]
        if not used or any(map(any, gates)):
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


class _Witness:
    """Stands in for the forecaster and only remembers the models it is given."""

    name: Final = "witness"

    def __init__(self) -> None:
        self._model: EnelModel | None = None
        self._used: list[EnelModel | None] = []

    def __call__(self, model: EnelModel | None, job: str) -> Self:  # noqa: ARG002 - as Enel
        self._model = model
        return self

    def fit(self, past_runs: Sequence[PastRun]) -> Self:  # noqa: ARG002 - as Forecaster
        self._used.append(self._model)
        return self

    def predict(self, progress: Progress, bounds: Bounds) -> Forecast | None:
        """Nothing."""

    def models(
        self, maker: Callable[[], Forecaster], series: JobRuns, warm_up: int | None
    ) -> list[EnelModel | None]:
        """The models that forecast the runs of a series."""
        self._used = []
        runs = series.in_order()
        for number in forecast_range(len(runs), warm_up):
            maker().fit(runs[:number])
        return self._used
