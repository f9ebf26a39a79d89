# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""``airflow enel explain`` on runs in the metadata DB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from airflow_enel.domain import (
    IMPORTED,
    Forecast,
    GuardNote,
    PastRun,
    Run,
    RunKey,
    RunState,
    ScaleAnswer,
    Step,
    TargetSource,
)
from airflow_enel.simulation.noise import Kill
from tests.support.builders import samples
from tests.support.builders.decided_runs import store_decided_run
from tests.support.builders.simulated import LOOP, past_run_of
from tests.support.cli import Enel

COMPONENTS = len(LOOP.components())

pytestmark = pytest.mark.usefixtures("airflow_db")


@pytest.fixture(scope="module")
def past() -> list[PastRun]:
    sizes = (12, 6, 3, 8, 4, 12, 6, 3)
    return [past_run_of(LOOP, [size] * COMPONENTS, n) for n, size in enumerate(sizes, 1)]


@pytest.fixture(scope="module")
def late(airflow_db: None, past: Sequence[PastRun]) -> Run:
    """A run that stands still for longer than it may take."""
    return store_decided_run(f"dag-{uuid4()}", LOOP, past, 150.0, kills=[Kill(40.0, 0.5, 200.0)])


def store(steps: Sequence[Step] = (), answer: ScaleAnswer | None = None, **changes: Any) -> Run:
    """A run with such decisions, all of them answered in the same way."""
    from airflow_enel.history.sql.repository import SqlHistory

    run = samples.run(f"dag-{uuid4()}", **changes)
    history = SqlHistory()
    history.open_run(run, None)
    for step in steps:
        history.intend(run.key.id, step)
        history.complete(run.key.id, step.decision.epoch, answer)
    return run


def test_every_decision_is_explained(enel: Enel, late: Run) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    said = enel("explain", late.key.id, "-o", "json")
    assert said.error == 0
    rows = SqlHistory().decisions(late.key.id)
    found = said.json["decisions"]
    assert len(found) == len(rows) > COMPONENTS
    for decision, row in zip(found, rows, strict=True):
        made, progress = row.step.decision, row.step.progress
        assert (decision["epoch"], decision["reason"]) == (made.epoch, made.reason)
        assert (decision["elapsed_s"], decision["executors"]) == (
            progress.elapsed_s,
            made.executors,
        )
    assert [decision["executors_later"] for decision in found] == [
        *(row.step.progress.executors for row in rows[1:]),
        None,
    ]
    assert [decision["finished"] for decision in found][:2] == [0, 1]


def test_target_and_outcome_are_told(enel: Enel, late: Run) -> None:
    found = enel("explain", late.key.id, "-o", "json").json
    assert found["run"]["target_source"] == "runtime_target"
    assert found["outcome"]["violation_s"] > 0


def test_alternatives_contain_the_chosen_size_and_both_ends(enel: Enel, late: Run) -> None:
    for decision in enel("explain", late.key.id, "-o", "json").json["decisions"]:
        sizes = [row["executors"] for row in decision["alternatives"]]
        assert {1, decision["executors"], 12} <= set(sizes)
        assert sizes == sorted(sizes)
        assert len(sizes) <= 8
        for row in decision["alternatives"]:
            assert decision["elapsed_s"] < row["low_s"] < row["median_s"] < row["high_s"]


def test_the_text_fits_80_columns_and_ends_with_the_outcome(
    enel: Enel, late: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = enel("explain", late.key.id)
    assert (said.error, said.notes) == (0, "")
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    runtime_s = enel("explain", late.key.id, "-o", "json").json["outcome"]["runtime_s"]
    outcome = lines[lines.index("Outcome") :]
    assert outcome[1] == f"  succeeded after {runtime_s:.0f} s"
    missed = f"missed by {runtime_s - 150:.0f} s"
    assert outcome[3] == f"  target 150 s from runtime_target, {missed}"
    assert "1 executor lost" in outcome[4]


def test_forecasts_of_decisions_that_change_nothing_are_shown_on_demand(enel: Enel) -> None:
    forecast = Forecast("bell", (4, 6), (50.0, 40.0), (0.1, 0.1))
    steps = [
        replace(samples.step(epoch, before=4, executors=size), forecast=forecast)
        for epoch, size in ((1, 4), (2, 6), (3, 4))
    ]
    run = store(steps)
    heading = "if the number stayed until the end:"
    short = enel("explain", run.key.id).out
    assert short.count(heading) == 1
    assert "2 forecasts left out where nothing changed: see --full" in short
    assert enel("explain", run.key.id, "--full").out.count(heading) == 3


@pytest.mark.parametrize("policy", ["enel", "bell"])
def test_what_was_expected_before_the_start_is_compared_with_what_came(
    enel: Enel, past: Sequence[PastRun], policy: str
) -> None:
    run = store_decided_run(f"dag-{uuid4()}", LOOP, past, 170.0, policy=policy)
    found = enel("explain", run.key.id, "-o", "json").json
    expected_s, runtime_s = found["expected_s"], found["outcome"]["runtime_s"]
    assert expected_s == found["decisions"][0]["expected_s"]
    assert expected_s == pytest.approx(runtime_s, rel=0.3)
    assert found["forecast_error"] == pytest.approx(expected_s / runtime_s - 1)
    told = f"  expected before the start: {expected_s:.0f} s, "
    assert told in enel("explain", run.key.id).out


def test_guards_are_told_in_their_order(enel: Enel) -> None:
    step = samples.step(before=4, executors=9)
    notes = (GuardNote("step", 8, "twice as many at most"), GuardNote("cap", 7, "7 can be had"))
    decision = replace(step.decision, executors=7, guards=notes)
    run = store([replace(step, decision=decision)])
    said = enel("explain", run.key.id)
    assert "the policy wanted 9; guards: step 9 → 8, cap 8 → 7" in said.out


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ScaleAnswer(True, 4, ""), "asked for 6: accepted, Spark had 4 at that moment"),
        (ScaleAnswer(False, 4, "too late"), "asked for 6: refused (too late), Spark had 4"),
        (None, "asked for 6: the application did not answer"),
    ],
)
def test_what_was_asked_of_spark_and_its_answer_are_told(
    enel: Enel, answer: ScaleAnswer | None, told: str
) -> None:
    run = store([samples.step(before=4, executors=6)], answer)
    assert told in enel("explain", run.key.id).out


def test_without_a_target_there_is_no_probability_to_miss_it(enel: Enel) -> None:
    forecast = Forecast("bell", (4, 6), (50.0, 40.0), (0.1, 0.1))
    run = store([replace(samples.step(), forecast=forecast)], runtime_target_s=None)
    (decision,) = enel("explain", run.key.id, "-o", "json").json["decisions"]
    assert [row["miss_probability"] for row in decision["alternatives"]] == [None, None]
    assert "no target" in enel("explain", run.key.id).out


def test_probability_to_miss_and_accepted_risk_are_told(enel: Enel) -> None:
    run = store([samples.step()], risk=0.2)
    said = enel("explain", run.key.id).out
    assert "\n  P(miss) 10%\n" in said
    assert ", risk 20%" in said


def test_a_run_for_which_no_time_was_left_is_compared_with_its_deadline(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    run = store(
        runtime_target_s=0.0,
        target_source=TargetSource.DEADLINE,
        deadline_at=samples.outcome().ended_at - 90.0,
    )
    SqlHistory().finish_run(run.key.id, samples.outcome())
    said = " ".join(enel("explain", run.key.id).out.split())
    assert "no time was left for it: target 0 s from deadline (to end by" in said
    assert "; ended 90 s after the deadline" in said


def test_when_people_were_told_of_a_miss_is_told(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    run = store()
    at = samples.outcome().started_at + 23.0
    SqlHistory().warn_of_miss(run.key.id, at)
    assert "on_expected_miss was called at 20" in enel("explain", run.key.id).out
    SqlHistory().finish_run(run.key.id, samples.outcome())
    assert "on_expected_miss was called 23 s after the start" in enel("explain", run.key.id).out
    assert enel("explain", run.key.id, "-o", "json").json["miss_warned_at"] == at


def test_a_run_that_has_not_ended_has_no_outcome_yet(enel: Enel) -> None:
    run = store()
    assert "it has not ended yet, as far as is known" in enel("explain", run.key.id).out
    assert enel("explain", run.key.id, "-o", "json").json["outcome"] is None


def test_a_run_without_decisions_says_why(enel: Enel) -> None:
    assert "No decisions: none was recorded." in enel("explain", store().key.id).out
    imported = store(policy=IMPORTED)
    told = "No decisions: it was imported from an event log."
    assert told in enel("explain", imported.key.id).out


def test_a_run_is_found_by_its_task(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    run = store()
    key = run.key
    again = RunKey(key.dag_id, key.run_id, key.task_id, -1, 2)
    SqlHistory().open_run(replace(run, key=again), None)
    task = ("--dag-id", key.dag_id, "--run-id", key.run_id, "--task-id", key.task_id)
    assert enel("explain", *task, "-o", "json").json["id"] == again.id  # the latest try
    missing = enel("explain", *task, "--map-index", "3")
    assert str(missing.error).startswith("no Spark application is known of task 'spark'")


def test_a_run_is_found_by_the_first_digits_of_its_id(enel: Enel, late: Run) -> None:
    assert enel("explain", late.key.id[:16], "-o", "json").json["id"] == late.key.id


def test_several_runs_that_begin_alike_are_listed(enel: Enel) -> None:
    runs = [store() for _ in range(17)]  # of 16 digits one comes twice
    digits = [run.key.id[0] for run in runs]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    said = enel("explain", twice)
    assert str(said.error).startswith(f"several runs begin with {twice!r}, write more of one:\n")
    assert said.out == ""


@pytest.mark.parametrize("run", ["", "zz", "%", "_"])
def test_an_unknown_run_is_refused_in_one_line(enel: Enel, run: str) -> None:
    said = enel("explain", run)
    assert str(said.error).startswith(f"no such run: {run!r}")


@pytest.mark.parametrize(
    "arguments",
    [(), ("--dag-id", "dag"), ("abc", "--dag-id", "dag"), ("--run-id", "r", "--task-id", "t")],
)
def test_a_run_must_be_named_in_one_way(enel: Enel, arguments: tuple[str, ...]) -> None:
    assert str(enel("explain", *arguments).error).startswith("give ")


def test_texts_from_outside_do_not_steer_the_terminal(enel: Enel) -> None:
    step = samples.step()
    proposal = replace(step.decision.proposal, reason="[red]\x1b[2J because")
    run = store([replace(step, decision=replace(step.decision, proposal=proposal))])
    said = enel("explain", run.key.id)
    assert "[red]�[2J because" in said.out
    assert "\x1b" not in said.out
    assert RunState.SUBMITTED.value in enel("explain", run.key.id, "-o", "json").out
