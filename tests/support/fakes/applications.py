"""Applications and a submitter without processes, for what runs a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airflow_enel.domain import AgentAddress, DriverStatus
from airflow_enel.spark.submission.base import ApplicationHandle, DriverLost
from airflow_enel.spark.submission.run_folder import RunFolder, Submission


@dataclass
class FakeDriver:
    """A driver that runs until it is told what its end is.

    :ivar code: exit code, None while it runs
    :ivar absent: True if this worker does not have it
    """

    folder: RunFolder
    code: int | None = None
    lost: bool = False
    absent: bool = False
    address: AgentAddress | None = None
    output: list[str] = field(default_factory=list)
    kills: int = 0
    terminated: bool = False

    def get_status(self) -> DriverStatus:
        if self.absent:
            return DriverStatus.ABSENT
        if self.lost or self.folder.read_submission() is None:
            return DriverStatus.OVER
        if self.code is None:
            return DriverStatus.RUNNING
        return DriverStatus.SUCCEEDED if self.code == 0 else DriverStatus.OVER

    def get_result(self) -> int | None:
        if self.lost:
            raise DriverLost("the supervisor is gone")
        return self.code

    def read_output(self, *, final: bool = False) -> list[str]:
        lines, self.output = self.output, []
        return lines

    def get_agent_address(self) -> AgentAddress | None:
        return self.address

    def kill(self) -> None:
        self.kills += 1
        self.code = 143

    def terminate(self) -> None:
        self.terminated = True
        self.code = 143 if self.code is None else self.code


@dataclass
class FakeSubmission:
    """A submission that was found to be possible."""

    submitter: FakeSubmitter
    submission: Submission
    folder: RunFolder

    def submit(self) -> FakeDriver:
        driver = self.submitter.next_driver(self.folder)
        self.submitter.submitted.append(self.submission)
        self.submitter.drivers[self.submission.run.key.id] = driver
        return driver


class FakeSubmitter:
    """Submits nothing anywhere.

    :ivar drivers: by run id; all others are absent
    :ivar submitted: what was submitted
    :ivar refusal: what `prepare` raises, if anything
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.drivers: dict[str, FakeDriver] = {}
        self.submitted: list[Submission] = []
        self.refusal: Exception | None = None
        self.logged: list[str] = []
        self.commands_run = 0
        self.code: int | None = 0
        """Exit code of what is submitted next."""

    def next_driver(self, folder: RunFolder) -> FakeDriver:
        return FakeDriver(folder, code=self.code)

    def prepare(self, submission: Submission) -> FakeSubmission:
        if self.refusal is not None:
            raise self.refusal
        return FakeSubmission(self, submission, self.folder(submission.run.key.id))

    def attach(self, handle: ApplicationHandle) -> FakeDriver:
        absent = FakeDriver(self.folder(handle.run_id), absent=True)
        return self.drivers.get(handle.run_id, absent)

    def log_output(self, lines: Sequence[str]) -> None:
        self.logged += lines

    @property
    def last_output(self) -> str:
        return "\n".join(self.logged)

    def run_post_submit_commands(self) -> None:
        self.commands_run += 1

    def folder(self, run_id: str) -> RunFolder:
        return RunFolder.of(run_id, self.base)
