"""Routes of the REST API for tasks and people, below ``/enel/api/v1``.

Tasks and triggers read and write through the capability handshake; people read the runs of the
DAGs that they may see. There is no route without one of the two.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    status,
)
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from airflow_enel.domain import (
    Component,
    DagRunOutlook,
    PastRun,
    RunOutcome,
    Switches,
    TaskStanding,
)
from airflow_enel.history import wire
from airflow_enel.history.interface import (
    Application,
    DecisionRow,
    HistoryRefused,
    HistoryUnavailable,
    RunRow,
    UnknownRun,
)
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.web.auth import (
    CallerDep,
    caller_of_run,
    reporter_of_run,
    verified_caller,
    writer_of_run,
)
from airflow_enel.web.common import HistoryDep, json_of
from airflow_enel.web.request_body import body_of
from airflow_enel.web.training import routes as training

log = logging.getLogger(__name__)

_API = wire.PREFIX.removeprefix("/enel")  # the plugin's mount is not part of our paths
_MOST_RUNS = 500

Limit = Annotated[int, Query(ge=1, le=_MOST_RUNS)]
Name = Annotated[str, Query(min_length=1, max_length=250, pattern=r"^[^\x00]+$")]
MapIndex = Annotated[int, Query(ge=-1, lt=2**31)]
Epoch = Annotated[int, Path(ge=0, lt=2**31)]
NoContent = status.HTTP_204_NO_CONTENT

tasks = APIRouter(prefix=_API, dependencies=[Depends(verified_caller)])
people = APIRouter(
    prefix=f"{_API}/dags/{{dag_id}}",
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.RUN))],
)
MayRead = [Depends(caller_of_run)]
MayWrite = [Depends(writer_of_run)]
MayReport = [Depends(reporter_of_run)]


@tasks.get("/task")
def task(caller: CallerDep) -> Response:
    """Return how Airflow sees the task instance that asks."""
    return json_of(TaskStanding, caller.standing)


@tasks.get("/past-runs")
def past_runs(
    dag_id: str,
    job_key: str,
    caller: CallerDep,
    history: HistoryDep,
    limit: Limit = 50,
    stages: bool = False,
) -> Response:
    """Return the runs of a recurring job to learn from, with stages if they are asked for."""
    caller.may_read_history_of(dag_id)
    return json_of(tuple[PastRun, ...], history.past_runs(dag_id, job_key, limit, stages=stages))


@tasks.get("/application")
def application(
    dag_id: Name,
    run_id: Name,
    task_id: Name,
    caller: CallerDep,
    history: HistoryDep,
    map_index: MapIndex = -1,
) -> Response:
    """Return the Spark application of a task instance of the caller's DAG run."""
    caller.may_read_run(dag_id, run_id)
    return json_of(Application, history.application(dag_id, run_id, task_id, map_index))


@tasks.get("/outlook")
def outlook(
    dag_id: Name,
    run_id: Name,
    task_id: Name,
    job_key: Name,
    caller: CallerDep,
    history: HistoryDep,
) -> Response:
    """Return the deadlines of the caller's DAG run, and what takes time there besides."""
    caller.may_read_run(dag_id, run_id)
    return json_of(DagRunOutlook, history.outlook(dag_id, run_id, task_id, job_key))


@tasks.get("/runs/{run_id}", dependencies=MayRead)
def run(run_id: str, history: HistoryDep) -> Response:
    """Return a run with its outcome, if it has ended."""
    return json_of(RunRow, history.run(run_id))


@tasks.put("/runs/{run_id}", status_code=NoContent)
def open_run(
    run_id: str,
    body: Annotated[Any, Depends(body_of(wire.OpenedRun))],
    caller: CallerDep,
    history: HistoryDep,
) -> None:
    """Store a run that is about to be submitted."""
    caller.may_open(body.run.key)
    if body.run.key.id != run_id:
        raise HistoryRefused("run.key: belongs to another run than the path")
    history.open_run(body.run, body.agent_token)


@tasks.put("/runs/{run_id}/agent", status_code=NoContent, dependencies=MayWrite)
def save_agent(
    run_id: str, body: Annotated[Any, Depends(body_of(wire.Address))], history: HistoryDep
) -> None:
    """Store where the agent of a run listens."""
    history.save_agent(run_id, body.value())


@tasks.get("/runs/{run_id}/agent", dependencies=MayRead)
def agent_of(run_id: str, history: HistoryDep) -> Response:
    """Return the token of a run's agent, and its address if that is known."""
    access = history.agent_of(run_id)
    body = wire.AgentAnswer(None if access is None else wire.Access.of(access))
    answer = json_of(wire.AgentAnswer, body)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@tasks.get("/runs/{run_id}/switches", dependencies=MayRead)
def switches(run_id: str, history: HistoryDep) -> Response:
    """Return what people hold back for the recurring job of a run."""
    return json_of(Switches, history.switches(run_id))


@tasks.put("/runs/{run_id}/components", status_code=NoContent, dependencies=MayReport)
def save_components(
    run_id: str,
    body: Annotated[Any, Depends(body_of(tuple[Component, ...]))],
    history: HistoryDep,
) -> None:
    """Store finished components and their stages."""
    history.save_components(run_id, body)


@tasks.get("/runs/{run_id}/decisions/{epoch}", dependencies=MayRead)
def decision(run_id: str, epoch: Epoch, history: HistoryDep) -> Response:
    """Return a decision with its answer."""
    return json_of(DecisionRow, history.decision(run_id, epoch))


@tasks.put("/runs/{run_id}/decisions/{epoch}", dependencies=MayWrite)
def intend(
    run_id: str,
    epoch: int,
    body: Annotated[Any, Depends(body_of(wire.BriefStep))],
    history: HistoryDep,
) -> Response:
    """Store a decision, unless the run has one of this epoch."""
    if body.step.decision.epoch != epoch:
        raise HistoryRefused("step.decision.epoch: differs from the path's")
    return json_of(wire.Intended, wire.Intended(history.intend_brief(run_id, body)))


@tasks.put("/runs/{run_id}/decisions/{epoch}/answer", status_code=NoContent, dependencies=MayWrite)
def complete(
    run_id: str,
    epoch: int,
    body: Annotated[Any, Depends(body_of(wire.MaybeAnswer))],
    history: HistoryDep,
) -> None:
    """Store the answer to a decision."""
    history.complete(run_id, epoch, body.answer)


@tasks.put("/runs/{run_id}/miss-warning", dependencies=MayWrite)
def warn_of_miss(
    run_id: str, body: Annotated[Any, Depends(body_of(wire.MissWarned))], history: HistoryDep
) -> Response:
    """Store when people are told that a run will miss its target, unless they were before."""
    first = history.warn_of_miss(run_id, body.at)
    return json_of(wire.FirstWarning, wire.FirstWarning(first))


@tasks.put("/runs/{run_id}/outcome", status_code=NoContent, dependencies=MayReport)
def finish_run(
    run_id: str, body: Annotated[Any, Depends(body_of(RunOutcome))], history: HistoryDep
) -> None:
    """Store how a run ended."""
    history.finish_run(run_id, body)


@people.get("/runs")
def runs(
    dag_id: str, history: HistoryDep, job_key: str | None = None, limit: Limit = 100
) -> Response:
    """Return the latest runs of a DAG, newest first."""
    return json_of(tuple[RunRow, ...], history.runs(dag_id, job_key, limit))


@people.get("/runs/{run_id}/decisions")
def decisions(dag_id: str, run_id: str, history: HistoryDep) -> Response:
    """Return the decisions of a run."""
    _refuse_other_dag(history, dag_id, run_id)
    return json_of(tuple[DecisionRow, ...], history.decisions(run_id))


@people.get("/runs/{run_id}/components")
def components(dag_id: str, run_id: str, history: HistoryDep) -> Response:
    """Return the finished components of a run with their stages."""
    _refuse_other_dag(history, dag_id, run_id)
    return json_of(tuple[Component, ...], history.components(run_id))


tasks.include_router(training)


def build_app() -> FastAPI:
    """Return the application that the plugin mounts."""
    app = FastAPI(
        title="airflow-enel",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(_refuse_nul)],
    )
    app.include_router(tasks)
    app.include_router(people)
    app.add_exception_handler(UnknownRun, _not_found)
    app.add_exception_handler(HistoryRefused, _refused)
    app.add_exception_handler(HistoryUnavailable, _unavailable)
    app.add_exception_handler(SQLAlchemyError, _unavailable)
    return app


async def _refuse_nul(request: Request) -> None:
    # PostgreSQL's driver raises on it wherever a path becomes a parameter, Airflow's code included.
    if "\x00" in request.url.path or "%00" in request.url.path:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "NUL in the path")


def _refuse_other_dag(history: SqlHistory, dag_id: str, run_id: str) -> None:
    if history.owner_of(run_id).dag_id != dag_id:
        raise UnknownRun(f"no run {run_id[:40]!r} in this DAG")


def _not_found(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error), "code": wire.UNKNOWN_RUN}, 404)


def _refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422)


def _unavailable(_: Request, error: Exception) -> JSONResponse:
    # An error of the database quotes parameters: neither the answer nor the log repeats it.
    log.warning("History is not available: %s", type(error).__name__)
    detail = str(error) if isinstance(error, HistoryUnavailable) else "the metadata DB is away"
    return JSONResponse({"detail": detail}, 503)
