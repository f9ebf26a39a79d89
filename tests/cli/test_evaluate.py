"""``airflow enel evaluate`` on trace files, event logs and the history."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.predict.enel.gate import CLOSED
from airflow_enel.predict.enel.model import EnelModel, TooLittleHistory
from airflow_enel.predict.evaluation import Score
from airflow_enel.spark.traces import COLUMNS
from tests.support.builders.spark_events import later, simple_run
from tests.support.builders.stored_runs import store_runs
from tests.support.cli import Enel, Said, log
from tests.support.fakes.models import FakeTraining, generated_runs, without_torch

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
            day = date(2021, 6, 30) + timedelta(days=run)
            times = [f"{day} 10:00:{s:02d}" for s in (0, 40, 10 * number, 0)]
            times[3] = f"{day} 10:00:{10 * number + 9}.{run % 7}"
            values = (run, app, *times[:2], run, number, *times[2:], 9000, 4 + run % 3)
            lines.append("|".join(map(str, values)))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said of enel beside the output."""
    said: list[str] = []
    monkeypatch.setattr("airflow_enel.cli.retraining.note", said.append)
    return said


def test_every_forecaster_has_a_row_per_moment_and_kind_of_runs(enel: Enel, tmp_path: Path) -> None:
    said = enel("evaluate", trace(tmp_path), "--failures", "13-14", "-o", "json")
    assert said.error == 0
    assert all(row.keys() == KEYS for row in said.json)
    groups = {(r["moment"], r["runs"], r["forecaster"]) for r in said.json}
    assert groups == set(
        itertools.product(
            ("start", "running"), ("normal", "all"), ("bell", "ellis", "conditional", "enel")
        )
    )
    counts = {(r["moment"], r["runs"]): r["predictions"] for r in said.json}
    assert counts == {
        ("start", "normal"): 5,
        ("start", "all"): 7,
        ("running", "normal"): 10,
        ("running", "all"): 14,
    }


def predicted(said: Said, moment: str = "start") -> dict[str, int]:
    """Predictions by kind of runs."""
    return {row["runs"]: row["predictions"] for row in said.json if row["moment"] == moment}


def test_jobs_with_as_many_runs_as_the_published_ones_have_their_failures_and_are_told_of(
    enel: Enel,
    tmp_path: Path,
) -> None:
    files = (trace(tmp_path, 65), trace(tmp_path, 65, "Grep", "grep.csv"))
    said = enel("evaluate", *files, "--forecasters", "bell", "-o", "json")
    assert predicted(said) == {"normal": 40, "all": 55}
    assert said.notes.startswith("Sort, Grep: runs 41-50,61-65 count as runs with failures")
    assert "--failures none" in said.notes
    assert said.notes.count("\n") == 1


@pytest.mark.parametrize("runs", [64, 66, 70])
def test_other_jobs_have_no_failures_unless_they_are_named(
    enel: Enel,
    tmp_path: Path,
    runs: int,
) -> None:
    said = enel("evaluate", trace(tmp_path, runs), "--forecasters", "bell", "-o", "json")
    assert predicted(said) == {"normal": runs - 10, "all": runs - 10}
    assert said.notes == ""


@pytest.mark.parametrize(("spans", "normal"), [("none", 55), ("65", 54), ("41-50,61-65", 40)])
def test_failures_that_are_named_need_no_note(
    enel: Enel,
    tmp_path: Path,
    spans: str,
    normal: int,
) -> None:
    arguments = ("--failures", spans, "--forecasters", "bell", "-o", "json")
    said = enel("evaluate", trace(tmp_path, 65), *arguments)
    assert predicted(said) == {"normal": normal, "all": 55}
    assert said.notes == ""


def test_only_those_jobs_of_a_file_have_the_published_failures_that_have_as_many_runs(
    enel: Enel,
    tmp_path: Path,
) -> None:
    both = trace(tmp_path, 65)
    rows = trace(tmp_path, 70, "Grep", "grep.csv").read_text().splitlines()[1:]
    both.write_text(both.read_text() + "\n".join(rows) + "\n")
    said = enel("evaluate", both, "--forecasters", "bell", "-o", "json")
    found = {(r["job"], r["runs"], r["predictions"]) for r in said.json if r["moment"] == "start"}
    assert found == {
        ("Sort", "normal", 40),
        ("Sort", "all", 55),
        ("Grep", "normal", 60),
        ("Grep", "all", 60),
    }
    assert said.notes.startswith("Sort: runs 41-50")


def test_the_best_comes_first(enel: Enel, tmp_path: Path) -> None:
    rows = enel("evaluate", trace(tmp_path), "-o", "json").json
    for _, group in itertools.groupby(rows, lambda r: (r["job"], r["moment"], r["runs"])):
        errors = [row["mape_percent"] for row in group]
        assert errors == sorted(errors)
        assert len(errors) == 4


def test_forecasters_and_warm_up_are_chosen(enel: Enel, tmp_path: Path) -> None:
    said = enel(
        "evaluate", trace(tmp_path), "--forecasters", "ellis", "--warm-up", "12", "-o", "json"
    )
    assert {row["forecaster"] for row in said.json} == {"ellis"}
    assert {row["predictions"] for row in said.json if row["moment"] == "start"} == {2}


def test_enel_is_its_prior_where_nothing_tells_the_network_anything(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    noted: list[str],
) -> None:
    without_torch(monkeypatch)  # and needs no torch for it
    rows = enel("evaluate", trace(tmp_path), "-o", "json").json
    by_name = {
        name: [row | {"forecaster": ""} for row in rows if row["forecaster"] == name]
        for name in ("conditional", "enel")
    }
    assert by_name["enel"] == by_name["conditional"]
    assert [text[: len("Sort: enel is its prior")] for text in noted] == ["Sort: enel is its prior"]


def test_enel_is_trained_before_the_runs_and_forecasts_them(
    enel: Enel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTraining().installed(monkeypatch)
    dag = f"evaluate-{next(_numbers)}"
    store_runs(dag, "report", generated_runs(8))
    rows = enel("evaluate", "--dag-id", dag, "-o", "json").json
    learned = [len(job.runs) for jobs, _ in fake.calls for job in jobs]
    assert learned == [4, 5, 7]
    assert all(run.components[0].stages for run in fake.calls[0][0][0].runs)
    errors = {r["forecaster"]: r["mape_percent"] for r in rows if r["moment"] == "start"}
    assert errors["enel"] != errors["conditional"]  # the stand-in knows nothing and is trusted


class ClosedGates(FakeTraining):
    """Trains models that have proved nothing."""

    def __call__(self, *arguments: Any, **options: Any) -> EnelModel:
        model = super().__call__(*arguments, **options)
        return replace(model, manifest=replace(model.manifest, jobs=(), pooled=CLOSED))


def test_why_enel_is_its_prior_on_the_history_is_told_once(
    enel: Enel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dag = f"evaluate-{next(_numbers)}"
    for job in ("load", "report"):
        store_runs(dag, job, generated_runs(8))
    evaluate = ("evaluate", "--dag-id", dag, "--forecasters", "conditional,enel", "-o", "json")
    fake = FakeTraining().installed(monkeypatch)
    assert enel(*evaluate).notes == ""
    fake.fault = TooLittleHistory("4 runs are too few, 8 are needed")
    said = enel(*evaluate)
    assert said.notes == (
        "load, report: enel is its prior alone: no model could be trained before its last run: "
        "4 runs are too few, 8 are needed\n"
    )
    ClosedGates().installed(monkeypatch)
    said = enel(*evaluate)
    assert said.notes.startswith("load, report: enel is its prior alone: its gates are closed")
    assert said.notes.count("\n") == 1
    errors = {(r["forecaster"], r["mape_percent"]) for r in said.json if r["moment"] == "start"}
    assert {e for name, e in errors if name == "enel"} == {
        e for name, e in errors if name == "conditional"
    }


def test_enel_learns_from_the_stages_of_event_logs(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTraining().installed(monkeypatch)
    for number in range(4):
        log(tmp_path, f"app-{number}", later(simple_run(), 1000 * number))
    enel("evaluate", tmp_path, "--forecasters", "enel", "-o", "json")
    assert [len(job.runs) for jobs, _ in fake.calls for job in jobs] == [2, 3]
    assert all(run.components[0].stages for run in fake.calls[0][0][0].runs)
    fake.fault = TooLittleHistory("let the jobs run on")
    assert enel("evaluate", tmp_path, "--forecasters", "enel", "-o", "json").json


def test_without_torch_enel_is_left_out_unless_it_was_asked_for(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    noted: list[str],
) -> None:
    without_torch(monkeypatch)
    for number in range(4):
        log(tmp_path, f"app-{number}", later(simple_run(), 1000 * number))
    rows = enel("evaluate", tmp_path, "-o", "json").json
    assert {row["forecaster"] for row in rows} == {"bell", "ellis", "conditional"}
    assert noted == ["enel is left out: it needs airflow-enel[train]"]
    said = enel("evaluate", tmp_path, "--forecasters", "conditional,enel", "-o", "json")
    assert "airflow-enel[train]" in str(said.error)


def test_people_get_a_table(enel: Enel, tmp_path: Path) -> None:
    said = enel("evaluate", trace(tmp_path), "--failures", "13")
    assert "Sort" in said.out
    assert "MAPE" in said.out
    assert {"normal", "all"} <= set(said.out.split())


def test_a_table_shows_runs_once_where_all_are_normal(enel: Enel, tmp_path: Path) -> None:
    words = enel("evaluate", trace(tmp_path)).out.split()
    assert "normal" not in words
    assert words.count("conditional") == 2  # before the start, and during the run


@given(st.lists(st.floats(0, 1e90), min_size=4, max_size=4), st.integers(1, 9_999_998))
def test_no_number_is_cut_off_on_80_columns(figures: list[float], count: int) -> None:
    from airflow_enel.cli.evaluating import _print_scores  # noqa: PLC0415 - imports Airflow

    names = ("conditional", "running", "normal")
    score = Score("Sort", *names, *figures[:2], *figures[2:], 100.0, count)
    scores = (score, replace(score, runs="all", predictions=count + 1))
    with pytest.MonkeyPatch.context() as narrow, contextlib.redirect_stdout(io.StringIO()) as out:
        narrow.setenv("COLUMNS", "80")
        _print_scores(scores)
    assert "…" not in out.getvalue()
    assert str(count) in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_an_interrupt_is_told_in_one_line(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("airflow_enel.cli.evaluating.walk_forward", interrupted)
    try:
        said = enel("evaluate", trace(tmp_path), "--forecasters", "ellis", "-o", "json")
    except KeyboardInterrupt:  # which would end pytest
        pytest.fail("a traceback")
    assert (said.out, said.notes, said.error) == ("", "interrupted\n", 130)


def test_event_logs_are_grouped_by_application(enel: Enel, tmp_path: Path) -> None:
    for number in range(4):
        log(tmp_path, f"app-{number}", simple_run())
    rows = enel("evaluate", tmp_path, "-o", "json").json
    assert {(row["job"], row["moment"]) for row in rows} == {("job", "start"), ("job", "running")}
    assert {row["predictions"] for row in rows if row["moment"] == "start"} == {2}


def test_the_history_is_evaluated(enel: Enel, tmp_path: Path) -> None:
    dag = f"evaluate-{next(_numbers)}"
    for number in range(4):
        log(tmp_path, f"app-{number}", simple_run())
    enel("import-history", tmp_path, "--dag-id", dag, "--job-key", "report")
    rows = enel("evaluate", "--dag-id", dag, "-o", "json").json
    assert {row["job"] for row in rows} == {"report"}
    assert rows == enel("evaluate", "--dag-id", dag, "--job-key", "report", "-o", "json").json
    assert "no runs" in str(enel("evaluate", "--dag-id", dag, "--job-key", "other").error)


def test_what_cannot_be_used_in_a_folder_is_left_out(enel: Enel, tmp_path: Path) -> None:
    trace(tmp_path)
    (tmp_path / "other.csv").write_text("RUN|JOB_ID|STARTED_AT\n")
    assert enel("evaluate", tmp_path, "-o", "json").error == 0


def test_a_file_that_was_named_and_cannot_be_used_is_left_out_with_a_note(
    enel: Enel, tmp_path: Path
) -> None:
    said = enel("evaluate", tmp_path / "none", trace(tmp_path), "-o", "json")
    assert (said.error, {row["job"] for row in said.json}) == (0, {"Sort"})
    assert f"left out: {tmp_path / 'none'}: no such file or folder\n" in said.notes


def test_an_odd_row_costs_its_run_and_is_counted(enel: Enel, tmp_path: Path) -> None:
    path = trace(tmp_path)
    path.write_text(path.read_text().replace("2021-07-03 10:00:40", "2021-07-03 10:00:05"))
    said = enel("evaluate", path, "-o", "json")
    assert said.error == 0
    assert "1 of 14 runs of Sort, first line " in said.notes
    assert ": the job does not lie within its run" in said.notes


def test_packed_event_logs_are_evaluated_whatever_their_first_bytes(
    enel: Enel, tmp_path: Path
) -> None:
    pack = zstandard.ZstdCompressor().compress
    for number in range(30):  # a third of such files have a | in front
        plain = log(tmp_path / "plain", f"app-{number}", later(simple_run(), number * 60))
        (tmp_path / plain.name).write_bytes(pack(plain.read_bytes()))
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert any(b"|" in path.read_bytes().split(b"\n")[0] for path in files)
    said = enel("evaluate", *files, "--forecasters", "bell")
    assert (said.error, said.notes) == (0, "")


def test_the_same_job_in_two_files_is_two_jobs(enel: Enel, tmp_path: Path) -> None:
    files = (trace(tmp_path), trace(tmp_path, name="more.csv"))
    simple = ("--forecasters", "bell", "-o", "json")
    rows = enel("evaluate", *files, *simple).json
    assert {row["job"] for row in rows} == {"Sort", "Sort (more.csv)"}
    files += (trace(tmp_path / "a", name="more.csv"), files[1])
    rows = enel("evaluate", *files, *simple).json
    assert {row["job"] for row in rows} == {"Sort", "Sort (more.csv)", f"Sort ({files[2]})"}
    assert {row["predictions"] for row in rows if row["moment"] == "start"} == {7}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give either paths"),
        (["trace.csv", "--dag-id", "d"], "give either paths"),
        (["trace.csv", "--job-key", "k"], "--job-key belongs to --dag-id"),
        (["other.csv"], "no column SCALE_OUT"),
        (["trace.csv", "--failures", "3", "--dag-id", "d"], "give either paths"),
        (["--failures", "3", "--dag-id", "d"], "--failures belongs to trace files"),
        (["--dag-id", "Nobody"], "no runs of the DAG 'Nobody'"),
        (["--dag-id", "d", "--job-key", "k"], "no runs of the DAG 'd' with the job 'k'"),
        (["broken.json"], "left out: broken.json: not a Spark event log"),
        (["notes.txt"], "neither a Spark event log nor a trace file, whose first line is ID|"),
        (["notes.md"], "notes.md: no trace file: its first line must be ID|"),
        (["latin.csv"], "latin.csv: not UTF-8"),
        (["instant.csv"], "nothing to evaluate: Sort: its runs take no time"),
        (["none"], "left out: none: no such file"),
        (["empty"], "left out: empty: no event logs or trace files"),
        (["trace.csv", "--forecasters", "no:Such"], "'no:Such' cannot be imported"),
        (["trace.csv", "--forecasters", "tarot"], "no forecaster 'tarot': there are bell"),
        (["trace.csv", "--warm-up", "0"], "at least 1"),
        (["trace.csv", "--warm-up", "99"], "Sort: --warm-up 99 leaves none of its 14 runs"),
        (["single.csv"], "nothing to evaluate: Sort: 1 run, but at least 2 are needed"),
    ],
)
def test_what_is_wrong_is_told(
    enel: Enel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    reason: str,
) -> None:
    trace(tmp_path)
    trace(tmp_path, runs=1, name="single.csv")
    (tmp_path / "other.csv").write_text("RUN|JOB_ID|STARTED_AT\n")
    (tmp_path / "broken.json").write_text("{]")
    (tmp_path / "notes.txt").write_text("what\n")
    (tmp_path / "notes.md").write_text("| what | who |\n")
    lines = (tmp_path / "trace.csv").read_text()
    (tmp_path / "latin.csv").write_bytes(lines.replace("Sort", "Säge").encode("latin-1"))
    instant = re.sub(r"10:00:[\d.]+", "10:00:00", lines)
    (tmp_path / "instant.csv").write_text(instant)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    said = enel("evaluate", *arguments)
    told = said.notes if said.error == 2 else str(said.error)
    assert reason in told


def test_a_job_without_components_is_told_beside_the_others(
    enel: Enel,
) -> None:
    dag = f"evaluate-{next(_numbers)}"
    runs = generated_runs(4)
    store_runs(dag, "bare", tuple(replace(run, components=()) for run in runs))
    asked = ("evaluate", "--dag-id", dag, "--forecasters", "ellis", "-o", "json")
    fault = "bare: too few of its runs have finished components"
    assert enel(*asked).notes == f"nothing to evaluate: {fault}\n"
    store_runs(dag, "report", runs)
    said = enel(*asked)
    assert {row["job"] for row in said.json} == {"report"}
    assert said.notes == f"{fault}\n"


@pytest.mark.parametrize("spans", ["50-41", "a", "1-", "0", "1;2", ""])
def test_spans_of_failures_are_checked(enel: Enel, tmp_path: Path, spans: str) -> None:
    assert enel("evaluate", trace(tmp_path), "--failures", spans).error == 2


def test_no_failures_at_all_can_be_told(enel: Enel, tmp_path: Path) -> None:
    said = enel("evaluate", trace(tmp_path), "--failures", "none", "-o", "json")
    by_runs = {row["runs"]: row["predictions"] for row in said.json}
    assert by_runs["normal"] == by_runs["all"]
    assert json.loads(said.out)


def test_explain_tells_what_the_runtimes_of_a_job_come_from(enel: Enel, tmp_path: Path) -> None:
    (row,) = enel("evaluate", trace(tmp_path), "--explain", "-o", "json").json
    parts = [row[name] for name in ("size", "context", "calendar", "progress", "unexplained")]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(1.0)
    said = enel("evaluate", trace(tmp_path), "--explain")
    assert said.error == 0
    assert row["job"] in said.out


def test_explain_says_that_few_runs_explain_nothing(enel: Enel, tmp_path: Path) -> None:
    said = enel("evaluate", trace(tmp_path, 3), "--explain")
    assert said.error == 2
    assert "nothing to explain" in said.notes
