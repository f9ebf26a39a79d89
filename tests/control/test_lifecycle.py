"""The tables of docs/lifecycle.md, cell by cell."""

from __future__ import annotations

import itertools

import pytest

from airflow_enel.control.lifecycle import (
    Action,
    AttemptStatus,
    driver_stays,
    first_action,
)
from airflow_enel.domain import ENDED_RUN_STATES, DriverStatus, RunState, TaskStanding


def everything(driver: DriverStatus) -> list[AttemptStatus]:
    """All that a try can find with a driver in one state."""
    return [
        AttemptStatus(driver, here, recorded, answers, handed_over)
        for here, recorded, answers, handed_over in itertools.product(
            (True, False), (None, *RunState), (True, False), (True, False)
        )
        if here or driver is DriverStatus.ABSENT  # no worker shows the driver of another
    ]


def found(
    driver: DriverStatus = DriverStatus.ABSENT,
    *,
    here: bool = False,
    recorded: RunState | None = RunState.SUBMITTED,
    answers: bool = False,
    handed_over: bool = False,
) -> AttemptStatus:
    return AttemptStatus(driver, here, recorded, answers, handed_over)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (None, Action.SUBMIT),
        (found(DriverStatus.RUNNING, here=True), Action.FOLLOW),
        (found(DriverStatus.SUCCEEDED, here=True), Action.FOLLOW),
        (found(DriverStatus.OVER, here=True), Action.REPLACE),
        (found(DriverStatus.RUNNING, here=True, handed_over=True), Action.REPLACE),
        (found(here=True), Action.SUBMIT),
        (found(here=True, answers=True), Action.FOLLOW_AGENT),
        (found(answers=True), Action.FOLLOW_AGENT),
        (found(answers=True, handed_over=True), Action.REPLACE),
        (found(recorded=RunState.SUCCEEDED), Action.REPORT),
        (found(recorded=RunState.SUCCEEDED, handed_over=True), Action.SUBMIT),
        (found(recorded=RunState.FAILED), Action.SUBMIT),
        (found(recorded=RunState.KILLED), Action.SUBMIT),
        (found(recorded=RunState.LOST), Action.SUBMIT),
        (found(recorded=RunState.SUBMITTED), Action.WAIT),
        (found(recorded=None), Action.WAIT),
    ],
)
def test_a_try_does_what_the_table_says(status: AttemptStatus | None, action: Action) -> None:
    assert first_action(status) is action


@pytest.mark.parametrize("driver", DriverStatus)
def test_a_job_that_is_not_durable_is_submitted_anew_but_never_beside_a_living_one(
    driver: DriverStatus,
) -> None:
    for status in everything(driver):
        action = first_action(status, durable=False)
        assert action in (Action.SUBMIT, Action.REPLACE, Action.WAIT), status
        if status.agent_answers:
            assert action is Action.REPLACE, status


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("driver", DriverStatus)
def test_nothing_is_submitted_beside_what_may_be_alive(driver: DriverStatus, durable: bool) -> None:
    for status in everything(driver):
        gone = driver is DriverStatus.ABSENT and (
            status.submitted_here or status.recorded in ENDED_RUN_STATES
        )
        if first_action(status, durable=durable) is Action.SUBMIT:
            assert gone, status
            assert not status.agent_answers, status


@pytest.mark.parametrize(
    ("standing", "stays"),
    [
        (TaskStanding("running", current=True, retry_remains=True), True),
        (TaskStanding("running", current=True, retry_remains=False), False),
        (TaskStanding("running", current=False, retry_remains=True), False),
        *(
            (TaskStanding(state, current=True, retry_remains=True), False)
            for state in ("failed", "success", "restarting", "up_for_retry", "removed", None)
        ),
    ],
)
def test_a_driver_stays_after_an_eviction_only(standing: TaskStanding, stays: bool) -> None:
    assert driver_stays(standing, retry_remains=True) is stays


@pytest.mark.parametrize("retry_remains", [True, False])
def test_when_nobody_can_be_asked_a_driver_stays_for_a_retry(retry_remains: bool) -> None:
    assert driver_stays(None, retry_remains=retry_remains) is retry_remains
