"""The only factory of policy and forecaster: from a run and its job's past to a `ScalingConfig`.

A run that is observed again, by a later try, a sensor or another worker, is configured from what
was stored when it was submitted: its target and policy stay, whatever the DAG says by now.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING, Final, Protocol

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.feasibility import largest_is_known
from airflow_enel.control.policies import find_policy
from airflow_enel.control.risk import DEFAULT_RISK
from airflow_enel.domain import ModelUnusable, training_name
from airflow_enel.history.interface import HistoryError
from airflow_enel.predict.base import ReadsModels
from airflow_enel.predict.registry import create_forecaster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.types import Logger

    from airflow_enel.domain import (
        Bounds,
        ModelFormat,
        PastRun,
        RunContext,
        RunKey,
        TrainedModel,
    )
    from airflow_enel.history.interface import History
    from airflow_enel.predict import Forecaster

_log = logging.getLogger(__name__)


class SizedRun(Protocol):
    """What sizing depends on; a `RunRequest` has it, and so has the stored `Run`."""

    @property
    def key(self) -> RunKey: ...  # noqa: D102 - as in `Run`
    @property
    def job_key(self) -> str: ...  # noqa: D102
    @property
    def policy(self) -> str: ...  # noqa: D102
    @property
    def bounds(self) -> Bounds: ...  # noqa: D102
    @property
    def runtime_target_s(self) -> float | None: ...  # noqa: D102
    @property
    def context(self) -> RunContext: ...  # noqa: D102
    @property
    def risk(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class JobModel:
    """A trained model as one recurring job uses it.

    :param job: the job's name in the model, see `training_name`
    """

    trained: TrainedModel
    job: str


@dataclass(frozen=True, slots=True)
class JobPast:
    """What the forecaster of a recurring job learns from.

    :param runs: past runs, oldest first
    :param model: the trained model, None if the forecaster reads none or none can be used
    """

    runs: tuple[PastRun, ...]
    model: JobModel | None = None


NO_PAST: Final = JobPast(())


@dataclass(frozen=True, slots=True)
class MonitoredRun:
    """What an observer needs to know of its run.

    :param expected_components: how many components past runs had, None if unknown
    :param largest_is_known: True if past runs allow to rely on forecasts for the largest size
    """

    key: RunKey
    config: ScalingConfig
    expected_components: int | None
    largest_is_known: bool

    @classmethod
    def of(cls, key: RunKey, config: ScalingConfig, past_runs: Sequence[PastRun]) -> MonitoredRun:
        """Return what an observer needs to know.

        :param past_runs: of the recurring job
        """
        known = largest_is_known(past_runs, config.bounds)
        return cls(key, config, expected_components(past_runs), known)

    @property
    def run_id(self) -> str:
        """Identifier of the run in the history."""
        return self.key.id


def monitored_run(run: SizedRun, past: JobPast, try_number: int) -> MonitoredRun:
    """Return what an observer of a run needs.

    :param run: as it is stored
    :param try_number: of the try that decides from now on
    """
    config = scaling_config(run, past, try_number)
    return MonitoredRun.of(run.key, config, past.runs)


def scaling_config(run: SizedRun, past: JobPast, try_number: int) -> ScalingConfig:
    """Return how a run is sized, with a forecaster that has learned from its job's past.

    :param try_number: of the try that decides
    """
    policy = find_policy(run.policy)
    return ScalingConfig(
        policy=policy,
        forecaster=_fitted(policy.forecaster, past),
        target_s=run.runtime_target_s,
        bounds=run.bounds,
        try_number=try_number,
        context=run.context,
        risk=DEFAULT_RISK if run.risk is None else run.risk,
    )


def expected_components(past_runs: Sequence[PastRun]) -> int | None:
    """Return how many components a run is likely to have, None without past runs."""
    counts = [len(past.components) for past in past_runs]
    return median_low(counts) if counts else None


def job_past(history: History, run: SizedRun, log: Logger) -> JobPast:
    """Read the past of a run's recurring job.

    :raises HistoryError: if the past runs cannot be read; a model that cannot is only logged
    """
    job = (run.key.dag_id, run.job_key)
    forecaster = _created(find_policy(run.policy).forecaster)
    if not isinstance(forecaster, ReadsModels):
        return JobPast(history.past_runs(*job, stages=False))
    runs = history.past_runs(*job, stages=True)
    model = usable_model(history, forecaster.model_format, log)
    return JobPast(runs, None if model is None else JobModel(model, training_name(*job)))


def job_past_or_empty(history: History | None, run: SizedRun, log: Logger) -> JobPast:
    """Read the past of a run's recurring job; nothing, with one warning, if it cannot be read."""
    if history is None:  # which was logged
        return NO_PAST
    try:
        return job_past(history, run, log)
    except HistoryError as error:
        log.warning("No history, so the run is sized without it: %s", error)
        return NO_PAST


def usable_model(history: History, wanted: ModelFormat, log: Logger) -> TrainedModel | None:
    """Return the newest model of a format; None, logged in one line, if none can be used."""
    try:
        model = history.latest_model(wanted.kind)
        if model is None:
            log.info("Forecasting by the prior alone: no model has been trained yet")
            return None
        return model.verified(wanted.kind, wanted.schema_version)
    except (HistoryError, ModelUnusable) as error:
        log.warning("Forecasting by the prior alone: %s", error)
        return None


def _created(name: str | None) -> Forecaster | None:
    return None if name is None else create_forecaster(name)


def _fitted(name: str | None, past: JobPast) -> Forecaster | None:
    """Return a forecaster that is fitted on past runs; None if a policy names none."""
    forecaster, model = _created(name), past.model
    if forecaster is None:
        return None
    if model is not None and isinstance(forecaster, ReadsModels):
        try:
            return forecaster.with_model(model.trained, model.job).fit(past.runs)
        except Exception as error:  # whatever is wrong with a model, the Spark job must run
            _log.warning(
                "Forecasting by the prior alone: model %r cannot be used: %s",
                model.trained.name,
                error,
            )
    return forecaster.fit(past.runs)
