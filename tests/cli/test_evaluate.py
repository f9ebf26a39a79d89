"""``airflow enel evaluate`` on trace files, event logs and the history."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from airflow_enel.spark.traces import COLUMNS
from tests.cli.test_commands import Enel, enel, log  # noqa: F401 - enel is a fixture
from tests.spark.events import simple_run

KEYS = {
    "job",
    "forecaster",
    "moment",
    "runs",
    "mape_percent",
    "median_ape_percent",
    "bias_percent",
    "error_of_total_percent",
    "coverage_80_percent",
    "predictions",
}
_numbers = itertools.count()


def trace(folder: Path, runs: int = 14, app: str = "Sort", name: str = "trace.csv") -> Path:
    """Runs of three jobs of 10 s or so."""
    lines = ["|".join(COLUMNS)]
    for run in range(1, runs + 1):
        for number in range(3):
            times = [f"2021-07-{run:02d} 10:00:{s:02d}" for s in (0, 40, 10 * number, 0)]
            times[3] = f"2021-07-{run:02d} 10:00:{10 * number + 9}.{run % 7}"
            values = (run, app, *times[:2], run, number, *times[2:], 9000, 4 + run % 3)
            lines.append("|".join(map(str, values)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def test_every_forecaster_has_a_row_per_moment_and_kind_of_runs(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    said = enel("evaluate", trace(tmp_path), "--failures", "13-14", "-o", "json")
    assert said.error == 0
    assert all(row.keys() == KEYS for row in said.json)
    groups = {(r["moment"], r["runs"], r["forecaster"]) for r in said.json}
    assert groups == set(
        itertools.product(("start", "running"), ("normal", "all"), ("bell", "ellis", "conditional"))
    )
    counts = {(r["moment"], r["runs"]): r["predictions"] for r in said.json}
    assert counts == {
        ("start", "normal"): 5,
        ("start", "all"): 7,
        ("running", "normal"): 10,
        ("running", "all"): 14,
    }


def test_the_best_comes_first(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    rows = enel("evaluate", trace(tmp_path), "-o", "json").json
    for _, group in itertools.groupby(rows, lambda r: (r["job"], r["moment"], r["runs"])):
        errors = [row["mape_percent"] for row in group]
        assert errors == sorted(errors)
        assert len(errors) == 3


def test_forecasters_and_warm_up_are_chosen(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    said = enel(
        "evaluate", trace(tmp_path), "--forecasters", "ellis", "--warm-up", "12", "-o", "json"
    )
    assert {row["forecaster"] for row in said.json} == {"ellis"}
    assert {row["predictions"] for row in said.json if row["moment"] == "start"} == {2}


def test_people_get_a_table(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    said = enel("evaluate", trace(tmp_path))
    assert "Sort" in said.out
    assert "MAPE" in said.out


def test_event_logs_are_grouped_by_application(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    for number in range(4):
        log(tmp_path, f"app-{number}", simple_run())
    rows = enel("evaluate", tmp_path, "-o", "json").json
    assert {(row["job"], row["moment"]) for row in rows} == {("job", "start"), ("job", "running")}
    assert {row["predictions"] for row in rows if row["moment"] == "start"} == {2}


def test_the_history_is_evaluated(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    dag = f"evaluate-{next(_numbers)}"
    for number in range(4):
        log(tmp_path, f"app-{number}", simple_run())
    enel("import-history", tmp_path, "--dag-id", dag, "--job-key", "report")
    rows = enel("evaluate", "--dag-id", dag, "-o", "json").json
    assert {row["job"] for row in rows} == {"report"}
    assert rows == enel("evaluate", "--dag-id", dag, "--job-key", "report", "-o", "json").json
    assert "no runs" in str(enel("evaluate", "--dag-id", dag, "--job-key", "other").error)


def test_what_cannot_be_used_in_a_folder_is_left_out(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    trace(tmp_path)
    (tmp_path / "other.csv").write_text("RUN|JOB_ID|STARTED_AT\n")
    assert enel("evaluate", tmp_path, "-o", "json").error == 0


def test_the_same_job_in_two_files_is_two_jobs(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    files = (trace(tmp_path), trace(tmp_path, name="more.csv"))
    rows = enel("evaluate", *files, "-o", "json").json
    assert {row["job"] for row in rows} == {"Sort", "Sort (more.csv)"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give either paths"),
        (["trace.csv", "--dag-id", "d"], "give either paths"),
        (["trace.csv", "--job-key", "k"], "--job-key belongs to --dag-id"),
        (["other.csv"], "no column SCALE_OUT"),
        (["broken.json"], "not a Spark event log"),
        (["none"], "no such file"),
        (["empty"], "no trace files or event logs"),
        (["trace.csv", "--forecasters", "tarot"], "no forecaster 'tarot': there are bell"),
        (["trace.csv", "--warm-up", "0"], "at least 1"),
        (["trace.csv", "--warm-up", "99"], "nothing to evaluate"),
        (["single.csv"], "nothing to evaluate"),
    ],
)
def test_what_is_wrong_is_told(
    enel: Enel,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    trace(tmp_path)
    trace(tmp_path, runs=1, name="single.csv")
    (tmp_path / "other.csv").write_text("RUN|JOB_ID|STARTED_AT\n")
    (tmp_path / "broken.json").write_text("{]")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert reason in str(enel("evaluate", *arguments).error)


@pytest.mark.parametrize("spans", ["50-41", "a", "1-", "0", "1;2", ""])
def test_spans_of_failures_are_checked(enel: Enel, tmp_path: Path, spans: str) -> None:  # noqa: F811
    assert enel("evaluate", trace(tmp_path), "--failures", spans).error == 2


def test_no_failures_at_all_can_be_told(enel: Enel, tmp_path: Path) -> None:  # noqa: F811
    said = enel("evaluate", trace(tmp_path), "--failures", "none", "-o", "json")
    by_runs = {row["runs"]: row["predictions"] for row in said.json}
    assert by_runs["normal"] == by_runs["all"]
    assert json.loads(said.out)
