"""What a later try finds of earlier ones. The driver is a process, without Spark."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_enel.domain import Bounds, Run, RunKey
from airflow_enel.operators.attach import Submission, note, undelivered
from airflow_enel.spark.submission.keeper import ClientDriver, DriverFolder

FIRST = RunKey("dag", "run", "task", -1, submit_try=1)
SECOND = replace(FIRST, submit_try=2)


def submission(key: RunKey = FIRST) -> Submission:
    run = Run(key, "job", "a.py", "static", Bounds(1, 2), None, 1, 1000.0)
    return Submission(run, "the secret")


def submitted(base: Path, script: str, key: RunKey = FIRST) -> ClientDriver:
    folder = DriverFolder.of(key.id, base)
    folder.make()
    note(folder, submission(key))
    return ClientDriver.start(folder, [sys.executable, "-c", script], dict(os.environ))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "work"


def test_a_first_try_finds_nothing(base: Path) -> None:
    assert undelivered(FIRST, base) is None


def test_a_driver_that_runs_is_taken_up_with_its_token(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.pid.exists)
    found = undelivered(SECOND, base)

    assert found is not None
    assert found[0] == submission()
    assert found[1].exit_code() is None
    found[1].bury()


def test_success_that_nobody_has_delivered_is_delivered(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.exit_code() is not None)
    found = undelivered(SECOND, base)
    assert found is not None
    assert found[1].exit_code() == 0


def test_a_result_that_was_delivered_is_not_found_again(base: Path) -> None:
    ended = submitted(base, "")
    until(lambda: ended.exit_code() is not None)
    ended.folder.remove()
    assert undelivered(SECOND, base) is None


@pytest.mark.parametrize("script", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_driver_that_has_failed_is_cleared_away(base: Path, script: str) -> None:
    ended = submitted(base, script)
    until(lambda: ended.exit_code() is not None)
    assert undelivered(SECOND, base) is None
    assert not ended.folder.exists


def test_a_driver_that_was_killed_on_purpose_is_gone_before_the_next_one_starts(base: Path) -> None:
    running = submitted(base, "import time; time.sleep(60)")
    until(running.folder.pid.exists)
    running.kill()
    assert undelivered(SECOND, base) is None
    assert running.processes() == []


def test_a_try_that_died_before_its_driver_started_leaves_nothing_to_take_up(base: Path) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    assert undelivered(SECOND, base) is None
    folder.make()
    note(folder, submission())
    assert undelivered(SECOND, base) is None
    assert not folder.exists


def test_a_driver_without_its_keeper_is_taken_up_because_unknown_is_not_dead(base: Path) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    note(folder, submission())
    argument = f"spark.enel.agent.portFile={folder.port}"
    with subprocess.Popen([sys.executable, "-c", "input()", argument], stdin=subprocess.PIPE):
        until(lambda: ClientDriver(folder).processes())
        found = undelivered(SECOND, base)
    assert found is not None


def test_the_note_with_the_token_is_for_its_owner_only(base: Path) -> None:
    folder = DriverFolder.of(FIRST.id, base)
    folder.make()
    note(folder, submission())
    assert folder.run.stat().st_mode & 0o077 == 0
