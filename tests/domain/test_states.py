"""Terminal states are complete: no state of a run or of Airflow is forgotten."""

from __future__ import annotations

from airflow.utils.state import State

from airflow_enel.domain import (
    ENDED_RUN_STATES,
    EXECUTED_TASK_STATES,
    FINAL_TASK_STATES,
    UNSUCCESSFUL_RUN_STATES,
    RunState,
)


def test_a_run_has_ended_unless_it_is_only_submitted() -> None:
    assert set(RunState) - ENDED_RUN_STATES == {RunState.SUBMITTED}
    assert {RunState.SUCCEEDED} == ENDED_RUN_STATES - UNSUCCESSFUL_RUN_STATES


def test_final_states_of_tasks_are_those_that_airflow_calls_finished() -> None:
    assert {state.value for state in State.finished if state} == FINAL_TASK_STATES


def test_an_operator_that_is_retried_has_executed() -> None:
    assert {"up_for_retry"} == EXECUTED_TASK_STATES - FINAL_TASK_STATES
