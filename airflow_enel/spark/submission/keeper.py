"""A driver in client mode that does not depend on the task that started it.

spark-submit runs under a keeper, a shell in a session of its own that writes the driver's output
and exit code to files. The task only follows those files, so that whoever starts later can follow
them just as well. Everything has its place in one folder that can be computed from the run.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

# The trap keeps the shell alive until it has written the exit code when a signal goes to the
# whole group; the driver itself gets the signal as usual. $0 is the folder. When the driver has
# ended and its watcher too, the messenger tells the result, unless there is nobody to tell.
_KEEPER: Final = """
trap : TERM INT HUP
python="$1" messenger="$2"; shift 2
echo $$ > "$0/pid.new" && mv "$0/pid.new" "$0/pid"
"$@" > "$0/driver.log" 2>&1 < /dev/null
echo $? > "$0/exit_code.new" && mv "$0/exit_code.new" "$0/exit_code"
waits() { [ -f "$0/home.json" ] && ! [ -f "$0/killed" ]; }
while waits && kill -0 "$(cat "$0/watcher")"; do sleep 1; done 2> /dev/null
waits && exec "$python" -m "$messenger" "$0" >> "$0/messenger.log" 2>&1
"""
_ESCALATION: Final = """
n=0; while [ "$n" -lt "$1" ] && kill -0 -- "-$0"; do sleep 1; n=$((n + 1)); done
kill -KILL -- "-$0"
if [ -f "$2/home.json" ]; then exec "$3" -m "$4" "$2"; fi
sleep 5; rm -rf "$2"
"""
_KEEPER_FOLDER: Final = 3  # of its arguments: sh -c SCRIPT FOLDER …
MESSENGER: Final = "airflow_enel.operators.messenger"
"""The module that tells the result of a driver whose task is gone; named, as it is above us."""
_KILL_AFTER_S: Final = 10
_MAX_READ: Final = 4 * 1024 * 1024
_KEEP_TOLD_S: Final = 7 * 24 * 3600


class DriverLost(Exception):
    """The keeper is gone and left no exit code: nobody knows how the application ended."""


@dataclass(frozen=True, slots=True)
class DriverFolder:
    """The files of one driver, readable by their owner only."""

    path: Path

    @classmethod
    def of(cls, run_id: str, base: Path | None = None) -> DriverFolder:
        """The folder of a run, which need not exist.

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
        _sweep(base)
        self.path.mkdir(mode=0o700)
        self.log.touch(mode=0o600)

    @property
    def exists(self) -> bool:
        """True from before the start of its driver until a task has delivered its result."""
        return self.path.is_dir() and not self.delivered.exists()

    @property
    def log(self) -> Path:
        """Output of spark-submit and the driver."""
        return self.path / "driver.log"

    @property
    def exit_code(self) -> Path:
        """Exit code of spark-submit, written when it has ended."""
        return self.path / "exit_code"

    @property
    def pid(self) -> Path:
        """Process id of the keeper, which is also its process group."""
        return self.path / "pid"

    @property
    def run(self) -> Path:
        """What the run is, and the agent's token: for whoever follows the driver later."""
        return self.path / "run.json"

    @property
    def home(self) -> Path:
        """How to reach the history, for the messenger; there is none without it."""
        return self.path / "home.json"

    @property
    def watcher(self) -> Path:
        """Process id of the task that follows the driver and will deliver its result."""
        return self.path / "watcher"

    @property
    def spool(self) -> Path:
        """What was written to the history and has not arrived yet."""
        return self.path / "spool.jsonl"

    @property
    def delivered(self) -> Path:
        """Exists if a task has delivered the result and only the spool is left to send."""
        return self.path / "delivered"

    @property
    def told(self) -> Path:
        """Exists if the messenger has told the result; a later try may still want the output."""
        return self.path / "told"

    @property
    def killed(self) -> Path:
        """Exists if the driver was ended on purpose."""
        return self.path / "killed"

    @property
    def port(self) -> Path:
        """Where the agent listens, written by the agent."""
        return self.path / "agent.json"

    @property
    def final(self) -> Path:
        """The final state, written by the agent at the application's end."""
        return self.path / "final.json"

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(base: Path) -> None:
    """Remove folders whose result was told a week ago and that no later try has asked for."""
    for told in base.glob("*/told"):
        with suppress(OSError):
            if time.time() - told.stat().st_mtime > _KEEP_TOLD_S:
                DriverFolder(told.parent).remove()


class ClientDriver:
    """Follows a driver that runs under a keeper.

    :param folder: its files
    :param keeper: the keeper's process, if this process started it
    """

    def __init__(self, folder: DriverFolder, keeper: subprocess.Popen[bytes] | None = None) -> None:
        self.folder = folder
        self._keeper = keeper
        self._read = 0

    @classmethod
    def start(
        cls, folder: DriverFolder, command: Sequence[str], env: Mapping[str, str]
    ) -> ClientDriver:
        """Start a command under a keeper.

        :param command: spark-submit and its arguments
        :raises FileNotFoundError: if the command is not on the PATH of ``env``
        """
        if shutil.which(command[0], path=env.get("PATH")) is None:
            raise FileNotFoundError(
                f"{command[0]} is not on the PATH of the Airflow worker: install Spark there and "
                f"add its bin folder to the PATH"
            )
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, str(folder.path), sys.executable, MESSENGER, *command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(folder, keeper)

    def watch(self) -> None:
        """Say that this process follows the driver and will deliver its result."""
        self.folder.watcher.write_text(str(os.getpid()))

    def exit_code(self) -> int | None:
        """The exit code of spark-submit, None while it runs.

        :raises DriverLost: if nobody is left to write it
        """
        alive = self._keeper_lives()  # asked first: a keeper that has just ended has written
        try:
            return int(self.folder.exit_code.read_text())
        except (FileNotFoundError, ValueError):
            if alive:
                return None
            raise DriverLost(
                "the process that kept spark-submit is gone without an exit code; "
                "was it killed, or the machine restarted?"
            ) from None

    def new_lines(self, *, final: bool = False) -> list[str]:
        """Lines of output since the last call, some 4 MiB of them at most.

        :param final: True when the driver has ended: a last line without its end counts as well
        """
        try:
            with self.folder.log.open("rb") as file:
                file.seek(self._read)
                chunk = file.read(_MAX_READ)
        except FileNotFoundError:
            return []
        end = chunk.rfind(b"\n") + 1
        if end == 0 and (final or len(chunk) == _MAX_READ):
            end = len(chunk)  # better cut than never shown
        self._read += end
        return chunk[:end].decode(errors="replace").splitlines()

    def kill(self) -> None:
        """End the driver with all its processes: at once, and by force 10 s later.

        The escalation is left to a detached process, because whoever calls this may have only
        seconds to live itself. It also sees to it that the end is told and the folder removed.
        """
        with suppress(OSError):
            self.folder.killed.touch()
        group = self._group()
        if group is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
        place = str(self.folder.path)
        after_s = str(_KILL_AFTER_S)
        subprocess.Popen(
            ["/bin/sh", "-c", _ESCALATION, str(group), after_s, place, sys.executable, MESSENGER],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _group(self) -> int | None:
        if self._keeper is not None:
            return self._keeper.pid
        try:
            return int(self.folder.pid.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _keeper_lives(self) -> bool:
        if self._keeper is not None:
            return self._keeper.poll() is None
        return bool(self.processes())

    def processes(self) -> list[psutil.Process]:
        """The keeper and the driver, where they run, whoever started them.

        They are known by their arguments: the keeper has the folder, the driver the port file.
        A driver whose keeper has died is still a driver: unknown is not dead.
        """
        folder, port_file = str(self.folder.path), f"={self.folder.port}"
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and _is_keeper_or_driver(process.info["cmdline"] or [], folder, port_file)
        ]

    def bury(self) -> None:
        """End what is left of the driver and remove its folder."""
        self.end()
        self.folder.remove()

    def end(self) -> None:
        """End what is left of the driver, and wait until it has gone."""
        left = self.processes()
        if left:
            self.kill()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
            _, left = psutil.wait_procs(left, timeout=_KILL_AFTER_S)


def _is_keeper_or_driver(command: Sequence[str], folder: str, port_file: str) -> bool:
    keeper = len(command) > _KEEPER_FOLDER and command[_KEEPER_FOLDER] == folder
    return keeper or any(part.endswith(port_file) for part in command)
