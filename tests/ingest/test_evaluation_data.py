"""Runs to evaluate forecasters on, read from event logs without a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_enel.ingest.evaluation_data import from_paths
from tests.support.builders.spark_events import later, simple_run
from tests.support.cli import log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("stages", [False, True])
def test_runs_of_event_logs_are_past_runs_by_the_names_of_their_applications(
    tmp_path: Path, stages: bool
) -> None:
    paths = [log(tmp_path, f"app-{n}", later(simple_run(), 60 * n)) for n in range(2)]
    data = from_paths(paths, None, stages=stages)
    (series,) = data.series
    assert (series.job, data.left_out) == ("job", ())
    assert [run.runtime_s for run in series.runs] == [32.0, 32.0]
    assert {run.mean_executors for run in series.runs} == {2.0}
    assert all(bool(c.stages) is stages for run in series.runs for c in run.components)


@pytest.mark.parametrize(
    ("exit_code", "reason"), [(1, "the application failed"), (0, "the same run as in another file")]
)
def test_runs_to_learn_nothing_from_are_left_out_with_the_reason(
    tmp_path: Path, exit_code: int, reason: str
) -> None:
    *events, end = simple_run()
    first = log(tmp_path, "app-1", [*events, end | {"ExitCode": exit_code}])
    again = log(tmp_path / "again", "app-1", [*events, end])
    left_out = from_paths([first, again], None).left_out
    assert reason in [it.reason for it in left_out]
