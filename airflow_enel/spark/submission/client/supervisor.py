"""A driver in client mode that does not depend on the task that started it.

spark-submit runs under a supervisor, a shell in a session of its own that writes the driver's
output and exit code to files of the run's folder. A task only follows those files, so that a later
try can follow them just as well. When the driver has ended and the task that followed it is gone,
the supervisor starts the result reporter.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from os import killpg
from typing import TYPE_CHECKING, Final

import psutil

from airflow_enel.domain import DriverStatus
from airflow_enel.spark.submission.agent_address import read_address
from airflow_enel.spark.submission.base import DriverLost

if TYPE_CHECKING:
    from airflow_enel.domain import AgentAddress
    from airflow_enel.spark.submission.run_folder import RunFolder

# The trap keeps the shell alive until it has written the exit code when a signal goes to the
# whole group; the driver itself gets the signal as usual. $0 is the folder. When the driver and
# the task that follows it have ended, the reporter runs, unless there is nothing to report.
_SUPERVISE: Final = """
trap : TERM INT HUP
python="$1" reporter="$2"; shift 2
echo $$ > "$0/pid.new" && mv "$0/pid.new" "$0/pid"
"$@" > "$0/driver.log" 2>&1 < /dev/null
echo $? > "$0/exit_code.new" && mv "$0/exit_code.new" "$0/exit_code"
waits() { [ -f "$0/home.json" ] && ! [ -f "$0/killed" ]; }
while waits && kill -0 "$(cat "$0/watcher")"; do sleep 1; done 2> /dev/null
waits && exec "$python" -m "$reporter" "$0" >> "$0/messenger.log" 2>&1
"""
_ESCALATE: Final = """
n=0; while [ "$n" -lt "$1" ] && kill -0 -- "-$0"; do sleep 1; n=$((n + 1)); done
kill -KILL -- "-$0"
if [ -f "$2/home.json" ]; then exec "$3" -m "$4" "$2"; fi
sleep 5; rm -rf "$2"
"""
_FOLDER_ARGUMENT: Final = 3  # sh -c SCRIPT FOLDER …
_KILL_AFTER_S: Final = 10
_MAX_READ: Final = 4 * 1024 * 1024


class ClientDriver:
    """A driver on this worker that runs under a supervisor.

    :param folder: of its run
    :param reporter: module that reports the result of a driver whose task is gone; it is started
        with the folder as its only argument
    :param supervisor: the supervisor's process, if this process started it
    """

    def __init__(
        self,
        folder: RunFolder,
        reporter: str,
        supervisor: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self.folder = folder
        self._reporter = reporter
        self._supervisor = supervisor
        self._read = 0

    @classmethod
    def start(
        cls, folder: RunFolder, reporter: str, command: Sequence[str], env: Mapping[str, str]
    ) -> ClientDriver:
        """Start a command under a supervisor.

        :param command: spark-submit and its arguments
        :raises FileNotFoundError: if the command is not on the PATH of ``env``
        """
        if shutil.which(command[0], path=env.get("PATH")) is None:
            raise FileNotFoundError(
                f"{command[0]} is not on the PATH of the Airflow worker: install Spark there and "
                f"add its bin folder to the PATH"
            )
        arguments = [str(folder.path), sys.executable, reporter, *command]
        return cls(folder, reporter, _detached(_SUPERVISE, arguments, env=env))

    def get_status(self) -> DriverStatus:
        """Return what this worker shows of it, ``ABSENT`` if its result was used or it never was.

        A driver whose supervisor has died is still a driver: unknown is not dead.
        """
        if not self.folder.exists and not self.processes():
            return DriverStatus.ABSENT
        if self.folder.killed.exists() or self.folder.read_submission() is None:
            return DriverStatus.OVER
        try:
            exit_code = self.get_result()
        except DriverLost:
            return DriverStatus.OVER
        if exit_code is None:
            return DriverStatus.RUNNING
        return DriverStatus.SUCCEEDED if exit_code == 0 else DriverStatus.OVER

    def get_result(self) -> int | None:
        """Return the exit code of spark-submit, None while it runs.

        :raises DriverLost: if nobody is left to write it
        """
        alive = self._supervisor_lives()  # asked first: one that has just ended has written
        exit_code = self.folder.read_exit_code()
        if exit_code is None and not alive:
            raise DriverLost(
                "the process that supervised spark-submit is gone without an exit code; "
                "was it killed, or the machine restarted?"
            )
        return exit_code

    def read_output(self, *, final: bool = False) -> list[str]:
        """Return lines of output since the last call, some 4 MiB of them at most.

        :param final: True when the driver has ended: a last line without its end counts as well
        """
        try:
            with self.folder.driver_log.open("rb") as file:
                file.seek(self._read)
                chunk = file.read(_MAX_READ)
        except FileNotFoundError:
            return []
        end = chunk.rfind(b"\n") + 1
        if end == 0 and (final or len(chunk) == _MAX_READ):
            end = len(chunk)  # better cut than never shown
        self._read += end
        return chunk[:end].decode(errors="replace").splitlines()

    def get_agent_address(self) -> AgentAddress | None:
        """Return where its agent listens, None while the agent has not written it."""
        return read_address(self.folder.agent_address)

    def kill(self) -> None:
        """End the driver with all its processes: at once, and by force 10 s later.

        The escalation is left to a detached process, because whoever calls this may have only
        seconds to live itself. It also has the end reported and the folder removed.
        """
        with suppress(OSError):
            self.folder.killed.touch()
        group = self._group()
        if group is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            killpg(group, signal.SIGTERM)
        place, after_s = str(self.folder.path), str(_KILL_AFTER_S)
        _detached(_ESCALATE, [str(group), after_s, place, sys.executable, self._reporter])

    def terminate(self) -> None:
        """End what is left of the driver, and wait until it has gone."""
        left = self.processes()
        if left:
            self.kill()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            _, left = psutil.wait_procs(left, timeout=_KILL_AFTER_S)

    def processes(self) -> list[psutil.Process]:
        """Return the supervisor and the driver, where they run, whoever started them.

        They are recognised by their arguments: the supervisor has the folder, the driver the file
        for the agent's address.
        """
        folder, address_file = str(self.folder.path), f"={self.folder.agent_address}"
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and _belongs(process.info["cmdline"] or [], folder, address_file)
        ]

    def _group(self) -> int | None:
        if self._supervisor is not None:
            return self._supervisor.pid
        try:
            return int(self.folder.supervisor_pid.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _supervisor_lives(self) -> bool:
        if self._supervisor is not None:
            return self._supervisor.poll() is None
        return bool(self.processes())


def _belongs(command: Sequence[str], folder: str, address_file: str) -> bool:
    supervises = len(command) > _FOLDER_ARGUMENT and command[_FOLDER_ARGUMENT] == folder
    return supervises or any(part.endswith(address_file) for part in command)


def _detached(
    script: str, arguments: Sequence[str], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Run a shell script in a session of its own; its first argument becomes ``$0``."""
    return subprocess.Popen(
        ["/bin/sh", "-c", script, *arguments],
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
