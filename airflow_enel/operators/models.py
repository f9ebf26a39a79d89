"""The model that a task forecasts with, if there is one that it can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.domain import ModelUnusable
from airflow_enel.history.base import HistoryError

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import TrainedModel
    from airflow_enel.history.base import History


def usable_model(
    history: History | None, kind: str, schema_version: int, log: Logger
) -> TrainedModel | None:
    """Return the newest model of a kind, None with at most one warning if none can be used.

    :param schema_version: the only one that the estimator reads
    """
    if history is None:
        return None
    try:
        model = history.latest_model(kind)
        return None if model is None else model.verified(kind, schema_version)
    except (HistoryError, ModelUnusable) as error:
        log.warning("Forecasting by the prior alone: %s", error)
        return None
