"""Routes of the REST API for trained models and for the tasks that train them.

Every task may fetch such a model; to read the history of all DAGs and to publish one is for the
tasks in ``[enel] trainers``, which by default are none.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Response, status

from airflow_enel.domain import TrainedModel
from airflow_enel.history import wire
from airflow_enel.history.interface import HistoryRefused, RecurringJob
from airflow_enel.web.auth import CallerDep, publisher
from airflow_enel.web.common import HistoryDep, json_of
from airflow_enel.web.request_body import body_of

MAX_MODEL_BYTES: Final = 24 * 2**20
"""Of a body: weights and manifest at their longest, in Base64."""

Kind = Annotated[str, Query(min_length=1, max_length=50, pattern=r"^[^\x00]+$")]

routes = APIRouter()


@routes.get("/training-jobs")
def training_jobs(caller: CallerDep, history: HistoryDep) -> Response:
    """Return the recurring jobs that have runs to learn from."""
    caller.may_read_all_history()
    return json_of(tuple[RecurringJob, ...], history.training_jobs())


@routes.get("/models/latest")
def latest_model(
    kind: Kind,
    history: HistoryDep,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the newest model of a kind to any task; its reader verifies it."""
    sha256 = history.latest_sha256(kind)
    if sha256 is not None and if_none_match == f'"{sha256}"':
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=_tag(sha256))
    model = history.stored_model(kind)
    answer = json_of(wire.MaybeModel, wire.MaybeModel(model))
    if model is not None:
        answer.headers.update(_tag(model.sha256))
    return answer


@routes.put(
    "/models/{name}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(publisher)],  # first: a long body is read from nobody else
)
def save_model(
    name: str,
    body: Annotated[Any, Depends(body_of(TrainedModel, MAX_MODEL_BYTES))],
    history: HistoryDep,
) -> None:
    """Publish a model to all recurring jobs."""
    if body.name != name:
        raise HistoryRefused("name: differs from the path's")
    history.save_model(body)


def _tag(sha256: str) -> dict[str, str]:
    return {"ETag": f'"{sha256}"', "Cache-Control": "private, no-cache"}
