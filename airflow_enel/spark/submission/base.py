"""What a submitter is: it starts applications in one deploy mode and looks after them.

The verbs are those of Airflow's resumable jobs (submit, get_status, get_result); added are the
driver's output, its end, and where its agent is. Whoever runs an application works with these
protocols only; client mode in ``client`` is the first implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from airflow_enel.domain.wire import STRICT

if TYPE_CHECKING:
    from airflow_enel.domain import AgentAddress, DriverStatus
    from airflow_enel.spark.submission.run_folder import RunFolder, Submission


class DriverLost(Exception):
    """The driver is gone and left no result: nobody knows how the application ended."""


@dataclass(frozen=True, slots=True)
class ApplicationHandle:
    """Names one submitted application for whoever takes it up later; JSON on the wire.

    :param run_id: ``RunKey.id`` of its run
    :param host: name of the worker that submitted it
    """

    __pydantic_config__: ClassVar = STRICT

    run_id: str
    host: str


class SubmittedApplication(Protocol):
    """One application, wherever its driver runs; it need not exist any more."""

    @property
    def folder(self) -> RunFolder:
        """What this worker keeps of its run."""

    def get_status(self) -> DriverStatus:
        """Return what can be seen of its driver from here; ``ABSENT`` is not "ended"."""

    def get_result(self) -> int | None:
        """Return the exit code, None while the driver is active.

        :raises DriverLost: if it has ended without one
        """

    def read_output(self, *, final: bool = False) -> list[str]:
        """Return lines of output since the last call, a few MiB of them at most.

        :param final: True when the driver has ended: a last line without its end counts as well
        """

    def get_agent_address(self) -> AgentAddress | None:
        """Return where its agent listens, None while that is not known."""

    def kill(self) -> None:
        """End the driver with all its processes; returns at once, safe in a signal handler."""

    def terminate(self) -> None:
        """End the driver with all its processes, and wait until they are gone."""


class PreparedSubmission(Protocol):
    """A submission that was found to be possible."""

    @property
    def folder(self) -> RunFolder:
        """What this worker will keep of the run; not made yet."""

    def submit(self) -> SubmittedApplication:
        """Start the application.

        :raises FileNotFoundError: if spark-submit is not installed
        """


class Submitter(Protocol):
    """Submits the applications of one task, in one deploy mode."""

    def prepare(self, submission: Submission) -> PreparedSubmission:
        """Check everything that can be checked before anything is written down or started.

        :raises ValueError: for an application or cluster that cannot work
        :raises FileNotFoundError: if the application is not there
        :raises ConnectionError: if the cluster does not answer
        """

    def attach(self, handle: ApplicationHandle) -> SubmittedApplication:
        """Return an application that was submitted before, by this process or another."""

    def log_output(self, lines: Sequence[str]) -> None:
        """Log lines of the driver's output as the Spark provider does."""

    @property
    def last_output(self) -> str:
        """The last logged lines that explain a failure, with passwords masked."""

    def run_post_submit_commands(self) -> None:
        """Run what the author wants run after the application; failures only warn."""
