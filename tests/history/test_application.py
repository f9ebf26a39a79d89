"""What a history says of a run, and of the application of a task instance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from airflow_enel.domain import AgentAccess, Run, RunState, ScaleAnswer
from airflow_enel.history.interface import (
    Application,
    DecisionStatus,
    HistoryRefused,
    RunRow,
    UnknownRun,
)
from tests.support.airflow.task_instances import set_state
from tests.support.builders import samples

if TYPE_CHECKING:
    from airflow_enel.history.interface import History
    from tests.history.conftest import Kept


@pytest.fixture(params=["sql", "http"])
def beside_airflow(request: pytest.FixtureRequest) -> Kept:
    """Histories in a database that has Airflow's own tables as well."""
    kept: Kept = request.getfixturevalue(request.param)
    return kept


def application_of(history: History, run: Run, **changes: Any) -> Application:
    key = replace(run.key, **changes)
    return history.application(key.dag_id, key.run_id, key.task_id, key.map_index)


def of_a_later_try(run: Run, submit_try: int, **changes: Any) -> Run:
    return replace(run, key=replace(run.key, submit_try=submit_try), **changes)


def test_a_run_is_found_by_its_id_with_what_became_of_it(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run)
    assert history.run(run.key.id) == RunRow(run.key.id, run, RunState.SUBMITTED, None, 0)
    history.finish_run(run.key.id, samples.outcome())
    row = history.run(run.key.id)
    assert (row.state, row.outcome) == (RunState.SUCCEEDED, samples.outcome())


def test_it_is_remembered_that_another_operator_submitted_a_run(kept: Kept) -> None:
    run = replace(samples.run(), foreign_operator=True)
    assert kept.opened(run).run(run.key.id).run.foreign_operator


def test_the_token_is_known_before_the_agent_listens(kept: Kept) -> None:
    run = samples.run()
    history = kept.opened(run, "t0ken")
    assert history.agent_of(run.key.id) == AgentAccess("t0ken", None)
    without = samples.run()
    assert kept.opened(without, None).agent_of(without.key.id) is None


def test_a_decision_is_found_by_its_epoch_with_what_came_of_it(kept: Kept) -> None:
    run, answer = samples.run(), ScaleAnswer(accepted=True, executors=4, message="asked")
    history = kept.opened(run)
    for epoch in (1, 2):
        history.intend(run.key.id, samples.step(epoch))
    history.complete(run.key.id, 2, answer)
    row = history.decision(run.key.id, 2)
    assert row.step.decision == samples.step(2).decision
    assert (row.status, row.answer, row.finished) == (DecisionStatus.ACCEPTED, answer, (0,))
    with pytest.raises(UnknownRun, match="no decision 3"):
        history.decision(run.key.id, 3)


def test_a_task_that_has_submitted_nothing_has_no_run(beside_airflow: Kept) -> None:
    run = samples.run(f"dag-{uuid4()}")
    assert application_of(beside_airflow.reach(run), run).run is None


def test_of_several_tries_the_last_that_submitted_counts(beside_airflow: Kept) -> None:
    run = samples.run(f"dag-{uuid4()}")
    third = of_a_later_try(run, 3, job_key="another")
    _write(beside_airflow, run, third, of_a_later_try(run, 2))
    found = application_of(beside_airflow.reach(run), run).run
    assert found is not None
    assert (found.run, found.id) == (third, third.key.id)


@pytest.mark.parametrize("name", ["task_id", "map_index"])
def test_the_run_of_another_task_instance_is_not_taken_for_it(
    beside_airflow: Kept, name: str
) -> None:
    run = samples.run(f"dag-{uuid4()}")
    other: Any = {"task_id": "other", "map_index": 7}[name]
    history = beside_airflow.opened(run)
    assert application_of(history, run).run is not None
    assert application_of(history, run, **{name: other}).run is None


def test_remembered_components_are_counted(beside_airflow: Kept) -> None:
    run = samples.run(f"dag-{uuid4()}")
    history = beside_airflow.opened(run)
    assert application_of(history, run).components == 0
    history.save_components(run.key.id, (samples.component(0), samples.component(4)))
    assert application_of(history, run).components == 2


@pytest.mark.parametrize("state", ["running", "up_for_retry", "failed", None])
def test_the_state_of_the_task_is_airflows(
    beside_airflow: Kept, running_task: Any, state: str | None
) -> None:
    run = samples.run(f"dag-{uuid4()}")
    beside_airflow.reach(run)
    running_task(run.key.dag_id, run.key.run_id, "other")
    set_state(run.key.run_id, state, task_id="other")
    found = application_of(beside_airflow.reach(run), run, task_id="other")
    assert found == Application(None, state, 0)


def test_a_task_that_does_not_exist_has_no_state(beside_airflow: Kept) -> None:
    run = samples.run(f"dag-{uuid4()}")
    history = beside_airflow.reach(run)
    assert application_of(history, run, task_id="no-such-task") == Application(None, None, 0)


def test_over_http_another_dag_run_is_none_of_a_tasks_business(http: Kept) -> None:
    run = samples.run(f"dag-{uuid4()}")
    with pytest.raises(HistoryRefused, match="another DAG run"):
        application_of(http.reach(run), run, run_id="other")


def _write(kept: Kept, *runs: Run) -> None:
    for run in runs:
        kept.stored.open_run(run, None)
