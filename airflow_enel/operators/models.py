"""The model that a task forecasts with, if there is one that it can use."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_enel.control.policies import JobModel, Policy, ReadsModels, training_name
from airflow_enel.domain import ModelUnusable
from airflow_enel.history.base import HistoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk.types import Logger

    from airflow_enel.domain import PastRun, TrainedModel
    from airflow_enel.history.base import History
    from airflow_enel.predict import Forecaster

_log = logging.getLogger(__name__)


def usable_model(
    history: History | None, kind: str, schema_version: int, log: Logger
) -> TrainedModel | None:
    """Return the newest model of a kind; None, told in one line, if none can be used.

    :param schema_version: the only one that the estimator reads
    """
    if history is None:
        return None
    try:
        model = history.latest_model(kind)
        if model is None:
            log.info("Forecasting by the prior alone: no model has been trained yet")
            return None
        return model.verified(kind, schema_version)
    except (HistoryError, ModelUnusable) as error:
        log.warning("Forecasting by the prior alone: %s", error)
        return None


def needs_stages(policy: Policy) -> bool:
    """True if a policy's forecaster learns from the stages of past runs."""
    return isinstance(policy, ReadsModels)


def job_model(
    policy: Policy, history: History | None, dag_id: str, job_key: str, log: Logger
) -> JobModel | None:
    """Return the model that a policy forecasts a recurring job with, if it reads any.

    None, told in one line, if there is none yet or none that can be used.
    """
    if history is None or not isinstance(policy, ReadsModels):
        return None
    wanted = policy.model_format()
    model = usable_model(history, wanted.kind, wanted.schema_version, log)
    return None if model is None else JobModel(model, training_name(dag_id, job_key))


def fitted(
    policy: Policy, past_runs: Sequence[PastRun], model: JobModel | None
) -> Forecaster | None:
    """Return a policy's forecaster, which has learned from past runs; None if it needs none."""
    if model is not None and isinstance(policy, ReadsModels):
        try:
            return policy.model_forecaster(model).fit(past_runs)
        except Exception as error:  # whatever is wrong with a model, the Spark job must run
            _log.warning(
                "Forecasting by the prior alone: model %r cannot be used: %s",
                model.trained.name,
                error,
            )
    forecaster = policy.forecaster()
    return None if forecaster is None else forecaster.fit(past_runs)
