"""The supervisor: real processes, without Spark."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from airflow_enel.spark.submission.base import DriverLost
from airflow_enel.spark.submission.client.supervisor import ClientDriver
from airflow_enel.spark.submission.run_folder import RunFolder
from tests.support.processes.waiting import until

pytestmark = pytest.mark.processes

ENV = dict(os.environ)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.of("0" * 32, tmp_path / "work")
    made.make()
    return made


def start(folder: RunFolder, script: str) -> ClientDriver:
    return ClientDriver.start(folder, "no.reporter", [sys.executable, "-u", "-c", script], ENV)


def ended(driver: ClientDriver) -> int:
    until(lambda: driver.get_result() is not None)
    code = driver.get_result()
    assert code is not None
    return code


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_that_of_the_command(folder: RunFolder, code: int) -> None:
    assert ended(start(folder, f"raise SystemExit({code})")) == code


def test_lines_are_given_once_and_only_when_complete(folder: RunFolder) -> None:
    driver = start(folder, "print('one'); print('tw', end='', flush=True); input() if 0 else None")
    ended(driver)
    lines = driver.read_output()
    with folder.driver_log.open("a") as file:
        file.write("o\n")
    assert lines == ["one"]
    assert driver.read_output() == ["two"]
    assert driver.read_output() == []


def test_another_process_can_follow_the_same_driver(folder: RunFolder) -> None:
    first = start(folder, "import time; print('hello'); time.sleep(60)")
    until(folder.supervisor_pid.exists)
    second = ClientDriver(folder, "no.reporter")

    assert second.get_result() is None
    until(lambda: second.read_output() == ["hello"])
    second.kill()
    assert ended(first) == 128 + signal.SIGTERM


def test_a_signal_to_the_whole_group_does_not_lose_the_exit_code(folder: RunFolder) -> None:
    driver = start(folder, "import time; print('up'); time.sleep(60)")
    until(lambda: driver.read_output() == ["up"])
    os.killpg(int(folder.supervisor_pid.read_text()), signal.SIGTERM)
    assert ended(driver) == 128 + signal.SIGTERM


def test_killing_ends_everything_that_the_driver_started(folder: RunFolder) -> None:
    driver = start(
        folder,
        "import subprocess, time; subprocess.Popen(['sleep', '60']); print('up'); time.sleep(60)",
    )
    until(lambda: driver.read_output() == ["up"])
    family = psutil.Process(int(folder.supervisor_pid.read_text())).children(recursive=True)
    driver.kill()
    ended(driver)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


def test_a_supervisor_that_was_killed_means_lost_not_running_and_not_failed(
    folder: RunFolder,
) -> None:
    driver = start(folder, "import time; print('up'); time.sleep(60)")
    # Before that the driver may still be a fork of its supervisor, with the same arguments.
    until(lambda: driver.read_output() == ["up"])
    family = psutil.Process(int(folder.supervisor_pid.read_text())).children(recursive=True)
    os.kill(int(folder.supervisor_pid.read_text()), signal.SIGKILL)
    until(lambda: lost(driver))
    assert lost(ClientDriver(folder, "no.reporter"))
    for process in family:
        process.kill()


def lost(driver: ClientDriver) -> bool:
    try:
        driver.get_result()
    except DriverLost:
        return True
    return False


def test_another_process_with_the_same_id_is_not_the_supervisor(folder: RunFolder) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        folder.supervisor_pid.write_text(str(other.pid))
        assert lost(ClientDriver(folder, "no.reporter"))
        other.kill()


def test_a_driver_whose_supervisor_has_died_is_not_taken_for_dead(folder: RunFolder) -> None:
    argument = f"spark.enel.agent.portFile={folder.agent_address}"
    with subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE) as it:
        until(lambda: ClientDriver(folder, "no.reporter").processes())
        assert ClientDriver(folder, "no.reporter").get_result() is None
        ClientDriver(folder, "no.reporter").terminate()
        assert ClientDriver(folder, "no.reporter").processes() == []
        it.wait(20)


def test_the_end_of_the_output_is_read_even_without_an_end_of_line(folder: RunFolder) -> None:
    driver = start(folder, "print('x' * 5_000_000); print('the reason', end='')")
    ended(driver)
    lines: list[str] = []
    while chunk := driver.read_output(final=True):
        lines += chunk
    assert lines[-1] == "the reason"
    assert sum(map(len, lines)) == 5_000_000 + len("the reason")


def test_a_missing_command_is_said_before_anything_starts(folder: RunFolder) -> None:
    with pytest.raises(FileNotFoundError, match="spark-submit is not on the PATH"):
        ClientDriver.start(folder, "no.reporter", ["spark-submit", "x.py"], {"PATH": "/nowhere"})
    assert not folder.supervisor_pid.exists()


def test_what_an_earlier_driver_left_in_the_folder_is_not_believed(folder: RunFolder) -> None:
    folder.exit_code.write_text("0")
    folder.agent_address.write_text("{}")
    folder.make()
    assert ended(start(folder, "raise SystemExit(4)")) == 4
    assert not folder.agent_address.exists()


def test_the_folder_is_for_its_owner_only(folder: RunFolder) -> None:
    ended(start(folder, "print('secret')"))
    assert folder.path.stat().st_mode & 0o077 == 0
    assert folder.path.parent.stat().st_mode & 0o077 == 0
