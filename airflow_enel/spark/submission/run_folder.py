"""The files that a worker keeps of one run, from before its submission until its result is used.

They let a later try on the same worker resume the application, and the result reporter finish a
run whose task is gone. The file names are a format: supervisors that were started by an earlier
version of this package go on with them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from pydantic import TypeAdapter, ValidationError

from airflow_enel.domain import Run
from airflow_enel.domain.wire import STRICT

_KEEP_REPORTED_S: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Submission:
    """What a later try must know to follow an application.

    :param token: of the agent in its driver
    """

    __pydantic_config__: ClassVar = STRICT

    run: Run
    token: str


_SUBMISSION: Final = TypeAdapter(Submission)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run, readable by their owner only."""

    path: Path

    @classmethod
    def of(cls, run_id: str, base: Path | None = None) -> RunFolder:
        """Return the folder of a run, which need not exist.

        :param run_id: ``RunKey.id``
        :param base: where the folders of all runs are, by default in the temporary folder
        """
        base = base or Path(tempfile.gettempdir()) / f"airflow-enel-{os.getuid()}"
        return cls(base / run_id)

    def make(self) -> None:
        """Make it, empty.

        :raises PermissionError: if somebody else owns the place
        """
        base = self.path.parent
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if base.stat().st_uid != os.getuid() or base.is_symlink():
            raise PermissionError(f"{base} belongs to somebody else; set [enel] work_dir")
        self.remove()
        _remove_old(base)
        self.path.mkdir(mode=0o700)
        self.driver_log.touch(mode=0o600)

    @property
    def exists(self) -> bool:
        """True from before the submission until a task has used the result."""
        return self.path.is_dir() and not self.consumed.exists()

    @property
    def submission(self) -> Path:
        """The run and the agent's token, see `write_submission`."""
        return self.path / "run.json"

    @property
    def reporter_credentials(self) -> Path:
        """How the result reporter reaches the history; it does not run without."""
        return self.path / "home.json"

    @property
    def follower_pid(self) -> Path:
        """Process id of the task that follows the application and will use its result."""
        return self.path / "watcher"

    @property
    def spool(self) -> Path:
        """Records of the history that have not been accepted yet."""
        return self.path / "spool.jsonl"

    @property
    def consumed(self) -> Path:
        """Exists if a task has used the result and only the spool is left to send."""
        return self.path / "delivered"

    @property
    def reported(self) -> Path:
        """Exists if the result reporter has finished; a later try may still want the output."""
        return self.path / "told"

    @property
    def killed(self) -> Path:
        """Exists if the application was ended on purpose."""
        return self.path / "killed"

    @property
    def agent_address(self) -> Path:
        """Address of the agent, written by the agent."""
        return self.path / "agent.json"

    @property
    def final_state(self) -> Path:
        """All events of the application, written by the agent at its end."""
        return self.path / "final.json"

    @property
    def driver_log(self) -> Path:
        """Output of spark-submit and of a driver in client mode."""
        return self.path / "driver.log"

    @property
    def exit_code(self) -> Path:
        """Exit code of spark-submit, written when it has ended."""
        return self.path / "exit_code"

    @property
    def supervisor_pid(self) -> Path:
        """Process id of the supervisor of a driver in client mode, also its process group."""
        return self.path / "pid"

    def read_exit_code(self) -> int | None:
        """Return the exit code of spark-submit, None if none was written."""
        try:
            return int(self.exit_code.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def write_submission(self, submission: Submission) -> None:
        """Keep what later tries on this worker need, readable by the owner only."""
        write_private(self.submission, _SUBMISSION.dump_json(submission))

    def read_submission(self) -> Submission | None:
        """Return what `write_submission` has kept, None if there is nothing readable."""
        try:
            return _SUBMISSION.validate_json(self.submission.read_bytes())
        except (OSError, ValidationError):
            return None

    def mark_followed(self) -> None:
        """Record that this process follows the application and will use its result."""
        self.follower_pid.write_text(str(os.getpid()))

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _remove_old(base: Path) -> None:
    """Remove folders whose result was reported a week ago and that no later try has used."""
    for reported in base.glob("*/told"):
        with suppress(OSError):
            if time.time() - reported.stat().st_mtime > _KEEP_REPORTED_S:
                RunFolder(reported.parent).remove()
