"""What people see of an import, within 80 columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_enel.cli.import_table import print_lines, reasons, short_names
from airflow_enel.domain import RunState
from airflow_enel.ingest.read_runs import Line, Result

LONG = "eventlog_v2_application_1700000000000_0001_and_more_of_it.zstd.inprogress"

HEADINGS = ["log", "result", "job", "started", "runtime", "executors", "components"]


def line(log: str, job_key: str = "report", runtime_s: float = 1234567.0) -> Line:
    return Line(
        log, Result.IMPORTED, "", "app", job_key, 0.0, runtime_s, 1000, 1000, RunState.SUCCEEDED
    )


def printed(capsys: pytest.CaptureFixture[str], *lines: Line) -> list[str]:
    print_lines(lines)
    return capsys.readouterr().out.splitlines()


def test_every_row_is_one_line_of_at_most_80_columns_with_all_its_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    same = line(f"/logs/a/{LONG}", f"{LONG}a", 1e6)
    other = replace(same, log=f"/logs/b/{LONG}", job_key=LONG, runtime_s=1e6 + 1, started_at=9e5)
    other = replace(other, executors=2000, components=3000, state=RunState.FAILED)
    out = printed(capsys, same, other)
    assert all(len(row) <= 80 for row in out)
    cells = [row.split() for row in out[2:4]]
    assert [row[-4:] for row in cells] == [
        ["1,000,000", "s", "1000", "1000"],
        ["1,000,001", "s", "2000", "3000"],
    ]
    assert [row[1] for row in cells] == ["succeeded", "failed"]
    assert "…" not in out[0]


def test_what_all_rows_share_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    first, *rest = printed(capsys, line("/logs/a"), line("/logs/b", runtime_s=7.0))
    assert first == (
        "All 2: result succeeded, job report, started 1970-01-01, executors 1000, components 1000"
    )
    assert [row.split() for row in rest[2:4]] == [["a", "1,234,567", "s"], ["b", "7", "s"]]
    assert rest[-1] == "2 imported"


def test_a_single_row_has_all_columns(capsys: pytest.CaptureFixture[str]) -> None:
    heading, *_ = printed(capsys, line("/logs/a"))
    assert heading.split() == HEADINGS


def test_files_of_the_same_name_are_told_apart_by_their_folders() -> None:
    paths = [Path(path) for path in ("/x/a/log", "/y/a/log", "/y/b/log", "/y/b/other")]
    assert short_names(paths) == ["x/a/log", "y/a/log", "b/log", "other"]


def test_a_reason_is_told_once_with_the_first_file_and_how_many_more() -> None:
    found = [("skipped", "a", "empty"), ("known", "b", ""), ("skipped", "c", "empty")]
    found += [("skipped", "d", "damaged")]
    assert reasons(found) == ["skipped: a and 1 more: empty", "skipped: d: damaged"]
