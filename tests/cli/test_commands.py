# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""``airflow enel …`` through Airflow's own parser, on a real metadata DB."""

from __future__ import annotations

import copy
import itertools
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.builders import samples
from tests.support.builders.spark_events import (
    Event,
    environment,
    job_end,
    job_start,
    later,
    simple_run,
    stage_info,
)
from tests.support.cli import Enel, log
from tests.support.processes.python import modules_loaded_by

NOTHING = "nothing to import: none of the logs can be used"
_numbers = itertools.count()


@pytest.fixture
def dag() -> str:
    return f"cli-{next(_numbers)}"


def rows() -> dict[str, list[Any]]:
    from airflow import settings

    from airflow_enel.history.sql.tables import Base

    with settings.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in Base.metadata.sorted_tables
        }


def test_an_imported_run_is_one_to_learn_from(enel: Enel, dag: str, tmp_path: Path) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    said = enel("import-history", log(tmp_path), "--dag-id", dag, "--job-key", "report")
    assert said.error == 0
    (past,) = SqlHistory().past_runs(dag, "report")
    assert (past.started_at, past.runtime_s) == (1.0, 32.0)
    assert (past.mean_executors, past.initial_executors) == (2.0, 2)
    assert [c.position for c in past.components] == [0, 1, 2]
    (row,) = SqlHistory().runs(dag)
    assert (row.run.policy, row.run.key.run_id) == ("imported", "import__app-1")
    assert (row.run.bounds.minimum, row.run.bounds.maximum) == (2, 2)
    assert all(len(c.stages) == 1 for c in SqlHistory().components(row.id))


def test_an_imported_run_knows_the_sizes_that_its_log_tells(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    told = environment(spark_executor_memory="3g", spark_password="hunter2")
    version = {"Event": "SparkListenerLogStart", "Spark Version": "4.0.1"}
    enel("import-history", log(tmp_path, events=[version, told, *simple_run()]), "--dag-id", dag)
    (past,) = SqlHistory().past_runs(dag, "job")
    cores = next(e for e in simple_run() if "Executor Info" in e)["Executor Info"]["Total Cores"]
    assert dict(past.context) == {
        "driver_memory_mib": 1024,
        "executor_cores": cores,  # as the executors tell
        "executor_memory_mib": 3072,
        "spark_version": "4.0.1",
    }


def test_the_job_is_named_after_the_application_by_default(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    (line,) = enel("import-history", log(tmp_path), "--dag-id", dag, "-o", "json").json
    assert line["job_key"] == "job"


def test_importing_again_changes_nothing(enel: Enel, dag: str, tmp_path: Path) -> None:
    log(tmp_path, "app-1")
    log(tmp_path, "app-2")
    first = enel("import-history", tmp_path, "--dag-id", dag, "-o", "json")
    before = rows()
    second = enel("import-history", tmp_path, "--dag-id", dag, "-o", "json")
    assert [line["result"] for line in first.json] == ["imported", "imported"]
    assert [line["result"] for line in second.json] == ["known", "known"]
    assert second.error == 0
    assert rows() == before


def test_an_interrupted_import_is_made_up_for(
    enel: Enel, dag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_enel.history.interface import HistoryUnavailable
    from airflow_enel.history.sql.repository import SqlHistory

    def away(*_: object) -> None:
        raise HistoryUnavailable("the metadata DB did not answer")

    with monkeypatch.context() as broken:
        broken.setattr(SqlHistory, "finish_run", away)
        said = enel("import-history", log(tmp_path), "--dag-id", dag)
        assert said.error == "the metadata DB did not answer"
    assert SqlHistory().past_runs(dag, "job") == ()
    enel("import-history", log(tmp_path), "--dag-id", dag)
    assert len(SqlHistory().past_runs(dag, "job")) == 1


def test_a_dry_run_says_the_same_and_stores_nothing(enel: Enel, dag: str, tmp_path: Path) -> None:
    before = rows()
    (line,) = enel("import-history", log(tmp_path), "--dag-id", dag, "--dry-run", "-o", "json").json
    assert rows() == before
    assert line.pop("result") == "would import"
    (stored,) = enel("import-history", log(tmp_path), "--dag-id", dag, "-o", "json").json
    assert stored.pop("result") == "imported"
    assert line == stored


def test_logs_of_several_applications_under_one_job_key_are_warned_of_once(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    for number, name in enumerate(("load", "load", "report")):
        first, *events = simple_run()
        log(tmp_path, f"app-{number}", [first | {"App Name": name}, *events])
    own = enel("import-history", tmp_path, "--dag-id", dag, "--dry-run")
    assert own.notes == ""
    for option in ("--dry-run", "--output=json"):
        said = enel("import-history", tmp_path, "--dag-id", dag, "--job-key", "all", option)
        assert said.notes.startswith("2 applications as one recurring job 'all': load, report. ")
        assert said.notes.count("\n") == 1
    again = enel("import-history", tmp_path, "--dag-id", dag, "--job-key", "all")
    assert again.notes == ""  # nothing was added


def test_the_same_application_in_two_logs_is_imported_once(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    paths = (log(tmp_path / "a"), log(tmp_path / "b"))
    for option in ("--dry-run", "--output=json"):
        said = enel("import-history", *paths, "--dag-id", dag, "-o", "json", option)
        assert [line["result"] for line in said.json][1] == "known"


def test_a_run_that_the_operator_has_recorded_is_left_alone(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    run = samples.run(dag)
    SqlHistory().open_run(run, None)
    SqlHistory().finish_run(run.key.id, samples.outcome(app_id="app-1"))
    before = rows()
    (line,) = enel("import-history", log(tmp_path), "--dag-id", dag, "-o", "json").json
    assert (line["result"], run.key.run_id in line["reason"]) == ("known", True)
    assert rows() == before


def test_a_log_that_cannot_be_used_gets_one_line_and_stops_nothing(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    log(tmp_path, "app-1")
    log(tmp_path, "app-2.inprogress", simple_run()[:-1])
    log(tmp_path, "app-3", [simple_run()[0], simple_run()[-1]])
    (tmp_path / "notes.txt").write_text("[bold]hello[/]\n\x1b[2J")
    said = enel("import-history", tmp_path, "--dag-id", dag)
    assert said.error == 0
    skipped = [line for line in said.out.splitlines() if line.startswith("skipped: ")]
    assert [line.rsplit("/", 1)[1].split(": ")[:2] for line in skipped] == [
        ["app-2.inprogress", "no end of the application"],
        ["app-3", "no components"],
        ["notes.txt", "not a Spark event log"],
    ]
    assert said.out.splitlines()[-1] == "1 imported, 3 skipped"


@pytest.mark.parametrize("result", ["JobSucceeded", "JobFailed"])
@pytest.mark.parametrize("exit_code", [None, 0, 1])
def test_the_exit_code_tells_how_a_run_ended_and_else_its_last_job(
    enel: Enel, dag: str, tmp_path: Path, result: str, exit_code: int | None
) -> None:
    *events, end = simple_run()
    info = stage_info(9)
    events += [job_start(9, 32.0, info), job_end(9, 32.5, result)]
    events.append(end if exit_code is None else end | {"ExitCode": exit_code})
    (line,) = enel(
        "import-history", log(tmp_path, events=events), "--dag-id", dag, "-o", "json"
    ).json
    succeeded = result == "JobSucceeded" if exit_code is None else exit_code == 0
    assert line["state"] == ("succeeded" if succeeded else "failed")


def old(version: str) -> list[Event]:
    """A log as Spark 1.x wrote it: jobs without a time, stages without parents."""
    events = copy.deepcopy(simple_run())
    for event in events:
        event.pop("Submission Time", None)
    return [{"Event": "SparkListenerLogStart", "Spark Version": version}, *events]


def in_driver() -> list[Event]:
    """A log of local mode, as Spark 2 to 4 write it."""
    renamed = [e | {"Executor ID": "driver"} if "Executor ID" in e else e for e in simple_run()]
    return [event for event in renamed if event.get("Executor ID", "driver") == "driver"]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (in_driver(), "no executors: it ran in the driver alone (local mode)"),
        (old("1.2.0"), "written by Spark 1.2.0: only logs of Spark 2.0 and later can be read"),
        (old("3.5.1"), "no component can be read: 6 unreadable events, first SparkListenerJobSt"),
        ([simple_run()[0], simple_run()[-1]], "no components: the application ran no Spark job"),
        (
            [e for e in simple_run() if "JobEnd" not in e["Event"]],
            "no component can be read: 3 Spark jobs without an end: Spark dropped events",
        ),
        (
            [e for e in simple_run() if "Executor" not in e["Event"]],
            "no executors while its jobs ran: their events are missing",
        ),
    ],
)
def test_a_log_is_refused_with_the_true_reason(
    enel: Enel, dag: str, tmp_path: Path, events: list[Event], told: str
) -> None:
    said = enel("import-history", log(tmp_path, events=events), "--dag-id", dag)
    assert said.error == 2
    assert told in said.out


@pytest.mark.parametrize(
    ("job", "exit_code", "state"),
    [(1, None, "succeeded"), (1, 0, "succeeded"), (2, None, "lost"), (2, 0, "succeeded")],
)
def test_a_run_with_a_dropped_end_of_a_job_is_neither_failed_nor_learned_from(
    enel: Enel, dag: str, tmp_path: Path, job: int, exit_code: int | None, state: str
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    ended = {"Event": "SparkListenerJobEnd", "Job ID": job}
    *events, end = [e for e in simple_run() if e | ended != e]
    events.append(end if exit_code is None else end | {"ExitCode": exit_code})
    (line,) = enel(
        "import-history", log(tmp_path, events=events), "--dag-id", dag, "-o", "json"
    ).json
    assert (line["result"], line["state"], line["components"]) == ("imported", state, 2)
    assert line["reason"] == (
        "shown, but not learned from: 1 Spark job without an end: Spark dropped events"
    )
    assert SqlHistory().past_runs(dag, "job") == ()


def attempt(folder: Path, number: int, at: int, exit_code: int | None = None) -> Path:
    """A log of an attempt at a YARN application that lasted from 1 s to 33 s after a moment."""
    events = later(simple_run(), at)
    events[0] |= {"App Attempt ID": str(number)}
    if exit_code is not None:
        events[-1] |= {"ExitCode": exit_code}
    return log(folder, "app-1", events).rename(folder / f"app-1_{number}")


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_only_the_last_attempt_at_an_application_succeeds(
    enel: Enel, dag: str, tmp_path: Path, order: tuple[int, int], together: bool
) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    paths = {number: attempt(tmp_path, number, at=100 * number) for number in order}
    if together:
        assert enel("import-history", *paths.values(), "--dag-id", dag).error == 0
    else:
        for path in paths.values():
            assert enel("import-history", path, "--dag-id", dag).error == 0
    states = {row.run.key.submit_try: row.state.value for row in SqlHistory().runs(dag)}
    assert states == {1: "failed", 2: "succeeded"}
    (past,) = SqlHistory().past_runs(dag, "job")
    assert past.started_at == 201.0


def test_attempts_that_overlap_are_incomplete(enel: Enel, dag: str, tmp_path: Path) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    paths = [attempt(tmp_path, number, at=10 * number) for number in (2, 1)]
    lines = enel("import-history", *paths, "--dag-id", dag, "-o", "json").json
    assert [line["state"] for line in lines] == ["failed", "succeeded"]
    assert {line["reason"] for line in lines} == {
        "shown, but not learned from: its attempts overlap in time"
    }
    assert SqlHistory().past_runs(dag, "job") == ()


def test_applications_before_since_are_left_out(enel: Enel, dag: str, tmp_path: Path) -> None:
    path = log(tmp_path)  # started in 1970
    too_old = enel("import-history", path, "--dag-id", dag, "--since", "2026-01-31", "-o", "json")
    assert (too_old.json[0]["result"], too_old.error) == ("too old", 0)
    assert enel("import-history", path, "--dag-id", dag, "--since", "1970-01-01").error == 0
    assert "1 imported" not in too_old.out


@pytest.mark.parametrize("output", ["table", "json"])
def test_what_the_history_cannot_hold_is_a_reason_to_skip(
    enel: Enel, dag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    from airflow_enel.history.interface import HistoryRefused
    from airflow_enel.history.sql.repository import SqlHistory

    def refuse(*_: object) -> None:
        raise HistoryRefused("names of at most 250 characters")

    monkeypatch.setattr(SqlHistory, "open_run", refuse)
    said = enel("import-history", log(tmp_path), "--dag-id", dag, "-o", output)
    assert (said.error, said.notes) == (2, f"{NOTHING}\n")
    assert "names of at most 250 characters" in said.out


def test_texts_that_no_database_can_store_cost_only_their_odd_characters(
    enel: Enel, dag: str, tmp_path: Path
) -> None:
    events = simple_run()
    events[0] |= {"App Name": "half of a pair: \ud83d, NUL: \x00"}
    (line,) = enel(
        "import-history", log(tmp_path, events=events), "--dag-id", dag, "-o", "json"
    ).json
    assert (line["result"], line["job_key"]) == ("imported", "half of a pair: \ufffd, NUL: \ufffd")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nowhere", "skipped: nowhere: no such file or folder"),
        ("hdfs://host/logs", "only local paths are read, copy the logs first"),
        ("empty", "skipped: empty: no event logs or trace files in this folder"),
        ("x", "skipped: x: empty"),
        ("trace.csv", "a table, not an event log: `airflow enel evaluate` reads trace files"),
    ],
)
def test_what_cannot_be_imported_is_an_error_only_if_nothing_is_left(
    enel: Enel, dag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "x").touch()
    (tmp_path / "trace.csv").write_text("ID|APP_ID\n")
    alone = enel("import-history", path, "--dag-id", dag)
    assert (alone.error, alone.notes) == (2, f"{NOTHING}\n")
    assert told in alone.out
    beside = enel("import-history", path, log(tmp_path), "--dag-id", dag)
    assert (beside.error, told in beside.out) == (0, True)


def test_an_empty_dag_id_is_told_in_one_message(enel: Enel) -> None:
    error = enel("import-history", ".", "--dag-id", " ").error
    assert error == "--dag-id and --job-key must not be empty"  # Python exits with 1


@pytest.mark.parametrize("arguments", [(), ("x",), ("x", "--dag-id", "d", "--since", "monday")])
def test_wrong_usage_is_refused_by_the_parser(enel: Enel, arguments: tuple[str, ...]) -> None:
    assert enel("import-history", *arguments).error == 2


def stored_run(dag: str, days: float) -> str:
    from airflow_enel.history.sql.repository import SqlHistory

    run = samples.run(dag, submitted_at=time.time() - days * 86_400)
    SqlHistory().open_run(run, None)
    SqlHistory().save_components(run.key.id, (samples.component(),))
    SqlHistory().finish_run(run.key.id, samples.outcome())
    return run.key.id


def test_prune_removes_old_runs_and_a_dry_run_only_names_them(enel: Enel, dag: str) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    new, old = stored_run(dag, 1), stored_run(dag, 40_000)
    # Runs of other tests are younger than that, or of no concern.
    named = enel("prune", "--older-than", "30000", "--dry-run", "-o", "json").json
    assert [(r["runs"], r["kept"], r["run_ids"]) for r in named if r["dag_id"] == dag] == [
        (1, 1, [old])
    ]
    assert {row.id for row in SqlHistory().runs(dag)} == {new, old}
    told = enel("prune", "--older-than", "30000", "--dry-run").out
    assert "1 run would be removed" in told
    assert enel("prune", "--older-than", "30000", "-o", "json").json == named
    assert {row.id for row in SqlHistory().runs(dag)} == {new}
    assert enel("prune", "--older-than", "30000").out == (
        "0 runs removed, 0 recurring jobs without runs removed\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--keep-runs N or --older-than DAYS"),
        (("--keep-runs", "0"), "at least 1"),
        (("--older-than", "-1"), "more than 0"),
        (("--older-than", "nan"), "more than 0"),
        (("--keep-runs", "-1"), "at least 1"),
    ],
)
def test_bad_limits_are_told_in_one_message(
    enel: Enel, arguments: tuple[str, ...], told: str
) -> None:
    assert told in str(enel("prune", *arguments).error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keep-runs", "9" * 30),
        ("--keep-runs", "2.5"),
        ("--older-than", "1e300"),
        ("--older-than", "inf"),
        ("--older-than", "1000000"),
        ("--older-than", "old"),
    ],
)
def test_limits_that_no_database_can_compare_are_refused_by_the_parser(
    enel: Enel, arguments: tuple[str, ...]
) -> None:
    said = enel("prune", *arguments)
    assert said.error == 2
    assert repr(arguments[1]) in said.notes


@pytest.mark.processes
def test_the_definition_of_the_commands_imports_nothing_heavy() -> None:
    code = "import airflow_enel.cli.definition as d; d.get_enel_cli_commands()"
    loaded = modules_loaded_by(code, after="import airflow.cli.cli_config")
    heavy = ("airflow_enel.history", "airflow_enel.spark", "airflow_enel.control")
    light = {name for name in loaded if name.startswith("airflow_enel")}
    assert loaded - light == set()
    assert [name for name in light if name.startswith(heavy)] == []


def test_a_run_that_nobody_can_ask_is_marked_as_lost_once(enel: Enel, dag: str) -> None:
    from airflow_enel.domain import RunState
    from airflow_enel.history.sql.repository import SqlHistory

    run = samples.run()
    run = replace(run, key=replace(run.key, dag_id=dag))
    SqlHistory().open_run(run, None)

    assert "submits its application afresh" in enel("mark-lost", run.key.id).out
    row = SqlHistory().run(run.key.id)
    assert row.state is RunState.LOST
    assert row.outcome is not None
    assert not row.outcome.complete
    assert "has ended already: lost" in str(enel("mark-lost", run.key.id).error)
    assert "no such run: 'foo'" in str(enel("mark-lost", "foo").error)
