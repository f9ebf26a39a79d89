"""What the demo does to some of its runs: an executor is killed, the input doubles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that happens once, in one of the runs.

    :param run: number of the run, from 1
    :param after_components: of that run that have finished
    :param text: for people
    :param cause: makes it happen to the driver whose files are in a folder; False if it could not
    """

    run: int
    after_components: int
    text: str
    cause: Callable[[Path], bool]


def double_the_input(late_input: Path) -> Callable[[Path], bool]:
    """Return what doubles the input of a run that waits for such a file."""

    def cause(_: Path) -> bool:
        late_input.touch()
        return True

    return cause


def kill_an_executor(folder: Path) -> bool:
    """Kill -9 the oldest executor of the driver that runs in a folder; False if there is none."""
    try:
        supervisor = psutil.Process(int((folder / "pid").read_text()))
        # One that is just starting would be no loss to the application.
        for process in sorted(supervisor.children(recursive=True), key=psutil.Process.create_time):
            if _is_executor(process):
                process.kill()
                return True
    except (FileNotFoundError, ValueError, psutil.Error):
        pass
    return False


def _is_executor(process: psutil.Process) -> bool:
    try:
        return any("ExecutorBackend" in part for part in process.cmdline())
    except psutil.Error:  # it has ended, perhaps nobody has noticed yet
        return False
