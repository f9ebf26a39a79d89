"""``airflow enel predict`` from the history of a job."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from airflow_enel.domain import IMPORTED, Bounds, RunContext
from airflow_enel.execution.open_run import open_run
from airflow_enel.execution.request import RunRequest
from airflow_enel.execution.scaling_config import JobPast
from tests.support.builders import samples
from tests.support.builders.past_runs import past_run
from tests.support.builders.stored_runs import store_runs
from tests.support.cli import Enel

SIZES = (8, 4, 2, 6, 8, 4)

pytestmark = pytest.mark.usefixtures("airflow_db")


def stored(sizes: tuple[int, ...] = SIZES) -> str:
    """The name of a DAG with runs of the job ``report``: 27 s + 300 s / executors."""
    dag_id = f"dag-{uuid4()}"
    store_runs(dag_id, "report", [past_run(n, size) for n, size in enumerate(sizes, 1)])
    return dag_id


def arguments(dag_id: str, target: str = "100") -> tuple[str, ...]:
    return ("predict", "--dag-id", dag_id, "--job-key", "report", "--target", target)


def test_it_decides_as_production_does(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - takes seconds

    dag_id = stored()
    said = enel(*arguments(dag_id), "-o", "json")
    assert said.error == 0
    runs = SqlHistory().past_runs(dag_id, "report", stages=True)
    key = replace(samples.run(dag_id).key, submit_try=1)
    request = RunRequest(key, "report", "job.py", "enel", Bounds(1, 64), 100.0)
    decision = open_run(request, JobPast(runs)).step.decision
    assert (said.json["executors"], said.json["reason"]) == (decision.executors, decision.reason)
    assert (said.json["past_runs"], said.json["sizes_tried"]) == (6, [2, 4, 6, 8])


def test_sizes_are_compared(enel: Enel) -> None:
    found = enel(*arguments(stored()), "--executors", "8", "2", "-o", "json").json
    two, eight = found["alternatives"]
    assert (two["executors"], eight["executors"]) == (2, 8)
    assert two["median_s"] == pytest.approx(177.0, rel=0.05)
    assert eight["executor_seconds"] == pytest.approx(8 * eight["median_s"])
    assert two["low_s"] < two["median_s"] < two["high_s"]
    assert two["miss_probability"] > 0.9
    assert eight["miss_probability"] < 0.1
    assert found["enough_sizes_tried"]


def test_the_text_fits_80_columns(enel: Enel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = enel(*arguments(stored(), "0:01:40"))
    assert (said.error, said.notes) == (0, "")
    assert max(map(len, said.out.splitlines())) <= 80
    assert "For a target of 100 s and 1 to 64 executors the policy enel would\n" in said.out
    assert "→" in said.out


def test_without_history_it_says_so_and_how_a_run_would_start(enel: Enel) -> None:
    said = enel(*arguments(f"dag-{uuid4()}"))
    assert said.error == 0
    assert "no past runs to learn from" in said.out.replace("\n", " ")
    assert "  start with 8: " in said.out
    assert "executors   runtime" not in said.out
    found = enel(*arguments(f"dag-{uuid4()}"), "-o", "json").json
    assert (found["past_runs"], found["alternatives"]) == (0, [])
    assert not found["enough_sizes_tried"]


def test_runs_at_too_few_sizes_make_it_a_guess(enel: Enel) -> None:
    said = enel(*arguments(stored((8, 8, 8, 8))))
    assert "Too few sizes were tried yet" in said.out
    assert not enel(*arguments(stored((8, 8))), "-o", "json").json["enough_sizes_tried"]


def test_a_target_that_cannot_be_met_is_told_with_the_smallest_feasible_one(enel: Enel) -> None:
    said = enel(*arguments(stored(), "20"))
    assert "the target cannot be met: expected to miss by" in said.out.replace("\n  ", " ")
    assert enel(*arguments(stored(), "20"), "-o", "json").json["shortfall"]["late_s"] > 0


def test_the_context_is_that_of_the_last_run_unless_given(enel: Enel) -> None:
    dag_id = f"dag-{uuid4()}"
    context = RunContext.of({"input_mib": 100, "region": "north"})
    store_runs(dag_id, "report", [replace(past_run(1, 4), context=context)])
    given = ("--context", "input_mib=4096", "kind=full")
    found = enel(*arguments(dag_id), *given, "-o", "json").json
    assert found["context"] == {"input_mib": 4096, "kind": "full", "region": "north"}


def test_bounds_and_risk_are_those_of_the_last_run_of_the_operator_unless_given(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - takes seconds

    dag_id = f"dag-{uuid4()}"
    own = samples.run(dag_id, "report", bounds=Bounds(3, 9), risk=0.2)
    later = own.submitted_at + 60
    imported = samples.run(
        dag_id, "report", bounds=Bounds(5, 5), policy=IMPORTED, submitted_at=later
    )
    for run in (own, imported):
        SqlHistory().open_run(run, None)
    found = enel(*arguments(dag_id), "-o", "json").json
    assert (found["bounds"], found["risk"]) == ({"minimum": 3, "maximum": 9}, 0.2)
    given = ("--max-executors", "30", "--risk", "0.01")
    changed = enel(*arguments(dag_id), *given, "-o", "json").json
    assert (changed["bounds"], changed["risk"]) == ({"minimum": 3, "maximum": 30}, 0.01)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--executors", "99"), "--executors 99 is outside of 1 to 8: set --min-executors"),
        (("--context", "input_mib"), "--context 'input_mib': write NAME=VALUE"),
        (("--context", "input_mib=nan"), "--context: context 'input_mib' must be a finite number"),
        (("--risk", "2"), "--risk: "),
        (("--min-executors", "0"), "min_executors must be at least 1"),
        (("--min-executors", "9"), "min_executors (9) must not exceed max_executors (8)"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    enel: Enel, more: tuple[str, ...], complaint: str
) -> None:
    said = enel(*arguments(f"dag-{uuid4()}"), *more)
    assert str(said.error).startswith(complaint)
    assert said.out == ""


def test_a_target_that_is_none_is_refused(enel: Enel) -> None:
    said = enel(*arguments("dag", "soon"))
    assert (said.error, said.out) == (2, "")
    assert said.notes.startswith("--target: ")


def test_nothing_is_stored(enel: Enel) -> None:
    from airflow_enel.history.sql.repository import SqlHistory  # noqa: PLC0415 - takes seconds

    dag_id = stored()
    before = SqlHistory().runs(dag_id)
    enel(*arguments(dag_id))
    assert SqlHistory().runs(dag_id) == before
