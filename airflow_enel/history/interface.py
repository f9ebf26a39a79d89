"""The interface of the history, with its errors, rows and queues of writes.

`sql.repository.SqlHistory` keeps it in the metadata DB (API server, command line, ``dag.test()``),
`http.client.HttpHistory` asks the API server to (tasks and triggers have no database). Every method
that writes may be replayed: the second call changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar, Final, Protocol

from airflow_enel.domain import (
    AgentAccess,
    AgentAddress,
    Component,
    DagRunOutlook,
    JobRuns,
    PastRun,
    Run,
    RunOutcome,
    RunState,
    ScaleAnswer,
    Step,
    Switches,
    TrainedModel,
)
from airflow_enel.domain.wire import STRICT

RUNS_PER_OTHER_SIZE: Final = 3
"""Past runs per initial size that the latest runs did not start with."""


class HistoryError(Exception):
    """History did not do what it was asked."""


class HistoryUnavailable(HistoryError):
    """The database or the network is away. Go on without: a Spark job never waits for it."""


class HistoryRefused(HistoryError):
    """The request will never succeed as it is; the message says what to do."""


class UnknownRun(HistoryRefused):
    """No run has this id, or the run has no such decision."""


class UnknownModel(HistoryRefused):
    """No model has this name."""


class DecisionStatus(str, Enum):
    """Whether a decision was sent, and how it was answered."""

    INTENDED = "intended"
    UNANSWERED = "unanswered"
    REFUSED = "refused"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a table of runs.

    ``outcome`` is None until the run has ended; ``rescales`` counts the accepted decisions that
    changed the number of executors after the start; ``miss_warned_at`` is when callbacks were told
    that it would miss its target, by the driver's clock, None if they were not.
    """

    __pydantic_config__: ClassVar = STRICT

    id: str
    run: Run
    state: RunState
    outcome: RunOutcome | None
    rescales: int
    miss_warned_at: float | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """What is known of the Spark application of a task instance.

    :param run: the latest that was submitted (its highest ``submit_try``), None if there is none
    :param task_state: Airflow's state of the task instance at its newest try, None until it is
        scheduled, or if there is no such task instance in the DAG run
    :param components: how many finished components of the run are stored
    """

    __pydantic_config__: ClassVar = STRICT

    run: RunRow | None
    task_state: str | None
    components: int


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision with its answer.

    ``step.progress`` has no finished components, requests or context: a run of n components would
    store n²/2 of them, and they have rows of their own. ``finished_spans`` are the first and last
    positions of the components that had finished, by unbroken sequences.
    """

    __pydantic_config__: ClassVar = STRICT

    step: Step
    finished_spans: tuple[tuple[int, int], ...]
    status: DecisionStatus
    answer: ScaleAnswer | None

    @property
    def finished(self) -> tuple[int, ...]:
        """Positions of the components that had finished."""
        return tuple(p for first, last in self.finished_spans for p in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class RecurringJob:
    """A recurring job, within one DAG."""

    __pydantic_config__: ClassVar = STRICT

    dag_id: str
    job_key: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model in a table of models; see `TrainedModel`."""

    name: str
    kind: str
    schema_version: int
    manifest: str
    weights_bytes: int
    sha256: str
    created_at: float


class Log(Protocol):
    """A logger of Airflow or of the standard library."""

    def warning(self, message: str, /, *arguments: object) -> object:
        """Log a warning."""


class History(Protocol):
    """Stored runs, for tasks, triggers and pages.

    ``run_id`` is a `RunKey.id` where nothing else is said. All methods raise `HistoryUnavailable`
    if the database or the network is away, and `HistoryRefused` (or `UnknownRun`) if the request
    itself is wrong.
    """

    def past_runs(
        self, dag_id: str, job_key: str, limit: int = 50, *, stages: bool = False
    ) -> tuple[PastRun, ...]:
        """Return the runs of a recurring job to learn from, oldest first.

        They are the latest ``limit`` that succeeded and whose events are complete, and beside
        them, for every initial size that none of these started with, the latest
        `RUNS_PER_OTHER_SIZE`: a job that has settled on one size must still learn what others
        do. Those are at most ``limit`` more, the latest.

        :param stages: True for components with their stages
        """

    def training_runs(self, limit_per_job: int = 50) -> Iterator[JobRuns]:
        """Return the past runs of all recurring jobs, with stages, one job after the other.

        Over HTTP it is for the tasks in ``[enel] trainers`` only.

        :param limit_per_job: as the limit of `past_runs`
        """

    def save_model(self, model: TrainedModel) -> None:
        """Publish a model to all recurring jobs, as the newest of its kind.

        Over HTTP it is for the tasks in ``[enel] trainers`` only. Saving the same again changes
        nothing; another one of the same name is refused.
        """

    def latest_model(self, kind: str) -> TrainedModel | None:
        """Return the newest model of a kind, None if there is none.

        :raises ModelUnusable: if it is corrupt
        """

    def open_run(self, run: Run, agent_token: str | None) -> None:
        """Store a run that is about to be submitted; without a token the old one stays."""

    def save_agent(self, run_id: str, address: AgentAddress) -> None:
        """Store where the agent of a run listens."""

    def agent_of(self, run_id: str) -> AgentAccess | None:
        """Return the token of a run's agent, and its address; None if the token is not known."""

    def run(self, run_id: str) -> RunRow:
        """Return a run with its outcome, if it has ended."""

    def decision(self, run_id: str, epoch: int) -> DecisionRow:
        """Return a decision with its answer.

        :raises UnknownRun: if the run has none of this epoch
        """

    def application(
        self, dag_id: str, run_id: str, task_id: str, map_index: int = -1
    ) -> Application:
        """Return the Spark application of a task instance.

        :param run_id: Airflow's own, of the DAG run
        """

    def outlook(self, dag_id: str, run_id: str, task_id: str, job_key: str) -> DagRunOutlook:
        """Return the deadlines of a DAG run, and what takes time there besides an application.

        Over HTTP it is for tasks of that DAG run only.

        :param run_id: Airflow's own, of the DAG run
        :param task_id: of the task that submits the application
        :param job_key: of the recurring job, for the time that its applications take to start
        """

    def switches(self, run_id: str) -> Switches:
        """Return what people hold back for the recurring job of a run, nothing for an unknown run.

        Over HTTP it is asked for only once, as a run goes on without it.
        """

    def save_components(self, run_id: str, components: tuple[Component, ...]) -> None:
        """Store finished components and their stages; stored ones are updated."""

    def intend(self, run_id: str, step: Step) -> bool:
        """Store a decision before it is sent.

        :return: False, with nothing changed, if the run has a decision of this epoch already
        """

    def complete(self, run_id: str, epoch: int, answer: ScaleAnswer | None) -> None:
        """Store the answer to a decision, None if no agent answered.

        A better known result is never replaced by a lesser one: a request that was accepted
        stays accepted when its repetition is refused.
        """

    def warn_of_miss(self, run_id: str, at: float) -> bool:
        """Store when people are told that a run will miss its target.

        Over HTTP it is asked for only once, as the warning is given without an answer, too.

        :param at: by the driver's clock, seconds since the epoch
        :return: False, with nothing changed, if they were told at another moment
        """

    def finish_run(self, run_id: str, outcome: RunOutcome) -> None:
        """Store how a run ended; what is final stays so."""

    def write_queue(self, file: Path, log: Log) -> WriteQueue:
        """Return a queue for records of one run that must outlast an outage of this history.

        :param file: keeps them where that is of use: the next process that opens it writes what
            this one has left. A history in this process keeps them in memory.
        :param log: gets a warning for each record that is refused
        """


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A PUT of the REST API that may be repeated."""

    path: str
    body: bytes


class Record(Protocol):
    """One write of `History` as a value, see `records`."""

    def apply(self, history: History) -> object:
        """Write it; return what the method of `History` returns."""

    def requests(self) -> Iterable[WriteRequest]:
        """Return the requests that write it.

        :raises HistoryRefused: if it cannot be written as JSON
        """


class WriteQueue(Protocol):
    """Records that wait for the history to take them, written in their order.

    :ivar trouble: why the last replay came to a halt, None if it did not
    :ivar place: where the records are, for messages
    """

    trouble: HistoryError | None
    place: str

    @property
    def pending(self) -> int:
        """How many writes are left."""

    def add(self, record: Record) -> None:
        """Append a record.

        :raises HistoryRefused: if it can never be written
        """

    def replay(self) -> int:
        """Write until the history cannot be reached; return how many writes are left.

        What is refused for good is left out, with a warning.
        """
