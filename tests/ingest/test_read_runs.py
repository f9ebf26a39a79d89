"""How a run of an event log is read, and which logs are passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_enel.domain import RunState
from airflow_enel.ingest.read_runs import Result, RunReader, Wanted
from tests.support.cli import log

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_has_what_the_history_stores_of_it(tmp_path: Path) -> None:
    line, found = RunReader(Wanted("dag"), {}).read(log(tmp_path))
    assert found is not None
    assert (found.run.job_key, found.run.key.run_id) == ("job", "import__app-1")
    assert (found.run.bounds.minimum, found.run.bounds.maximum) == (2, 2)
    assert (found.outcome.state, found.outcome.complete) == (RunState.SUCCEEDED, True)
    assert (found.past.runtime_s, found.past.mean_executors) == (32.0, 2.0)
    assert (line.runtime_s, line.components, line.reason) == (32.0, 3, "")


def test_a_run_is_read_once(tmp_path: Path) -> None:
    reader = RunReader(Wanted("dag"), {})
    _, found = reader.read(log(tmp_path))
    assert found is not None
    reader.remember(found)
    line, again = reader.read(log(tmp_path))
    assert (line.result, again) == (Result.KNOWN, None)


def test_a_run_before_the_wanted_time_is_passed_over(tmp_path: Path) -> None:
    line, found = RunReader(Wanted("dag", since_at=2.0), {}).read(log(tmp_path))
    assert (line.result, found) == (Result.TOO_OLD, None)


@pytest.mark.parametrize(("content", "told"), [("a|b\n", "a table"), ("hello\n", "not a Spark ev")])
def test_a_file_that_is_no_log_is_skipped_with_the_reason(
    tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    line, found = RunReader(Wanted("dag"), {}).read(path)
    assert (line.result, found) == (Result.SKIPPED, None)
    assert line.reason.startswith(told)
