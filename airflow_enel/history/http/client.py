"""`HttpHistory`: the history for tasks and triggers, which ask the API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from airflow_enel.domain import (
    AgentAccess,
    AgentAddress,
    Component,
    DagRunOutlook,
    JobRuns,
    PastRun,
    Run,
    RunOutcome,
    ScaleAnswer,
    Step,
    Switches,
    TaskStanding,
    TrainedModel,
    training_name,
)
from airflow_enel.history import wire
from airflow_enel.history.http.spool import Spool
from airflow_enel.history.http.transport import (
    CallerRefused,
    Requests,
    TooMuch,
    TryAgain,
    understood,
)
from airflow_enel.history.interface import (
    Application,
    DecisionRow,
    Log,
    Record,
    RecurringJob,
    RunRow,
    WriteRequest,
)
from airflow_enel.history.records import (
    AgentSaved,
    ComponentsSaved,
    DecisionCompleted,
    DecisionIntended,
    RunFinished,
    RunOpened,
)

__all__ = ["CallerRefused", "HttpHistory", "Requests"]

_FEW_RUNS: Final = 3
"""With so many past runs at least a size can be compared with others; fewer are not worth it."""

_MODELS: Final[dict[tuple[str, str], TrainedModel]] = {}
"""The latest model by address and kind, so that a process fetches each only once."""


class HttpHistory:
    """`History` through the plugin's REST API.

    :param requests: to that API; they are closed with this
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def close(self) -> None:
        """Close the connections."""
        self._requests.close()

    def __enter__(self) -> HttpHistory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write_queue(self, file: Path, log: Log) -> Spool:
        """Return a queue that keeps records as requests in a file."""
        return Spool(file, self.send_once, log)

    def send_once(self, request: WriteRequest) -> None:
        """Send a write and do not repeat it.

        :raises CallerRefused: if somebody else may have to send it
        """
        self._requests.send_once("PUT", request.path, request.body)

    def standing(self) -> TaskStanding:
        """Return how Airflow sees the task instance that asks."""
        return self._requests.ask("/task", TaskStanding)

    def past_runs(
        self, dag_id: str, job_key: str, limit: int = 50, *, stages: bool = False
    ) -> tuple[PastRun, ...]:
        """Return runs to learn from, oldest first.

        Runs of thousands of components may be too much for one answer, and few runs are better
        than none: the limit is halved, down to 3, as long as the answer is too long or does not
        come. Each of these requests has the time limits anew.
        """
        job = {"dag_id": dag_id, "job_key": job_key} | ({"stages": "true"} if stages else {})
        while True:
            query = urlencode(job | {"limit": str(limit)})
            try:
                return self._requests.ask(
                    f"/past-runs?{query}", tuple[PastRun, ...], again=(TryAgain,)
                )
            except TooMuch:
                if limit <= _FEW_RUNS:
                    raise
            limit = max(limit // 2, _FEW_RUNS)

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        """Return the past runs of all recurring jobs, each job fetched when it is asked for."""
        for job in self._requests.ask("/training-jobs", tuple[RecurringJob, ...]):
            runs = self.past_runs(job.dag_id, job.job_key, limit_per_job, stages=True)
            if runs:
                yield JobRuns(training_name(job.dag_id, job.job_key), runs)

    def save_model(self, model: TrainedModel) -> None:
        """Publish a model to all recurring jobs."""
        path = f"/models/{quote(model.name, safe='')}"
        self._requests.send("PUT", path, wire.encode(TrainedModel, model))

    def latest_model(self, kind: str) -> TrainedModel | None:
        """Return the newest model of a kind; this process fetches it only if it is another."""
        place = (self._requests.address, kind)
        known = _MODELS.get(place)
        path = f"/models/latest?{urlencode({'kind': kind})}"
        etag = None if known is None else known.sha256
        answer = self._requests.ask_unless(etag, path, wire.MaybeModel)
        if answer is None:
            return known
        if answer.model is None:
            return None
        _MODELS[place] = answer.model.verified(kind)
        return _MODELS[place]

    def open_run(self, run: Run, agent_token: str | None) -> None:
        """Store a run that is about to be submitted."""
        self._write(RunOpened(run, agent_token))

    def save_agent(self, run_id: str, address: AgentAddress) -> None:
        """Store where the agent of a run listens."""
        self._write(AgentSaved(run_id, address))

    def agent_of(self, run_id: str) -> AgentAccess | None:
        """Return the token of a run's agent, and its address."""
        access = self._requests.ask(wire.run_path(run_id, "agent"), wire.AgentAnswer).access
        return None if access is None else access.value()

    def run(self, run_id: str) -> RunRow:
        """Return a run with its outcome, if it has ended."""
        return self._requests.ask(wire.run_path(run_id), RunRow)

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        """Return a decision with its answer."""
        return self._requests.ask(wire.run_path(run_id, "decisions", epoch), DecisionRow)

    def application(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> Application:
        """Return the Spark application of a task instance."""
        task = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        return self._requests.ask(f"/application?{urlencode(task)}", Application)

    def outlook(self, dag_id: str, run_id: str, task_id: str, job_key: str) -> DagRunOutlook:
        """Return the deadlines of a DAG run, and what takes time there besides."""
        asked = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "job_key": job_key}
        return self._requests.ask(f"/outlook?{urlencode(asked)}", DagRunOutlook)

    def switches(self, run_id: str) -> Switches:
        """Return what people hold back for the recurring job of a run; ask only once."""
        return self._requests.ask(wire.run_path(run_id, "switches"), Switches, again=())

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        """Store finished components and their stages."""
        self._write(ComponentsSaved(run_id, components))

    def intend(self, run_id: str, step: Step) -> bool:
        """Store a decision, unless the run has one of this epoch.

        If an answer got lost on the way, the repetition may find the decision in its place and
        say False for it. The agent's own compare-and-set is what makes a request unique.
        """
        return understood(wire.Intended, self._write(DecisionIntended(run_id, step))).new

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        """Store the answer to a decision, None if no agent answered."""
        self._write(DecisionCompleted(run_id, epoch, answer))

    def warn_of_miss(self, run_id: str, at: float) -> bool:
        """Store when people are told that a run will miss its target; ask only once."""
        body = wire.encode(wire.MissWarned, wire.MissWarned(at))
        answer = self._requests.send_once("PUT", wire.run_path(run_id, "miss-warning"), body)
        return understood(wire.FirstWarning, answer).first

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        """Store how a run ended."""
        self._write(RunFinished(run_id, outcome))

    def _write(self, record: Record) -> bytes:
        """Send the requests of a record; return the answer to the last."""
        answer = b""
        for request in record.requests():
            answer = self._requests.send("PUT", request.path, request.body)
        return answer
