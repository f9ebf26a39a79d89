"""Which attempts at an application there are, and in which order their logs are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.ingest.attempts import find_attempts
from tests.support.builders.spark_events import later, simple_run
from tests.support.cli import log

if TYPE_CHECKING:
    from pathlib import Path


def attempt(folder: Path, number: int, at: int) -> Path:
    events = later(simple_run(), at)
    events[0] |= {"App Attempt ID": str(number)}
    return log(folder, "app-1", events).rename(folder / f"attempt-{number}")


def test_earlier_attempts_come_first_and_other_logs_keep_their_order(tmp_path: Path) -> None:
    third, first = attempt(tmp_path, 3, at=300), attempt(tmp_path, 1, at=100)
    others = [log(tmp_path, name) for name in ("app-9", "app-8")]
    logs, attempts = find_attempts([third, *others, first])
    assert logs == (*others, first, third)
    assert attempts.next_start("app-1", 1) == 301.0
    assert attempts.next_start("app-1", 3) is None
    assert attempts.next_start("app-9", 1) is None


def test_a_file_that_is_no_log_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    logs, attempts = find_attempts([tmp_path / "notes.txt", tmp_path / "none"])
    assert logs == (tmp_path / "notes.txt", tmp_path / "none")
    assert attempts.starts == {}
