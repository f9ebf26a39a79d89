"""Executors that leave with their driver are not lost; those that leave before it are."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_enel.spark.reducer import EventReducer
from tests.support.builders import spark_events as e

HOOKS = "java.lang.IllegalStateException: Shutdown hooks cannot be modified during shutdown."
EXITING = {"Event": "EnelDriverExiting", "Timestamp": 12_000}


def lost(*after_the_executors: dict[str, Any]) -> list[str]:
    fold = EventReducer()
    for event in (
        e.application_start(),
        e.executor_added("0", 1.0),
        e.executor_added("1", 1.0),
        e.job_start(0, 2.0, e.stage_info(0)),
        *after_the_executors,
    ):
        fold.add(event)
    snapshot = fold.snapshot(100.0)
    assert not fold.defects.unreadable
    return [span.executor_id for span in snapshot.executors if span.lost]


@pytest.mark.parametrize(
    "reason",
    [
        HOOKS,
        "Worker shutting down",
        "Command exited with code 143",
        "Container from a bad node: container_1. Exit status: 143.",
        "The executor with id 1 exited with exit code 143(SIGTERM).",
    ],
)
def test_executors_that_shutdown_ends_just_before_the_application_are_not_lost(reason: str) -> None:
    assert (
        lost(e.job_end(0, 10.0), e.executor_removed("0", 12.0, reason), e.application_end(13.0))
        == []
    )


def test_executors_that_leave_after_the_end_are_not_lost() -> None:
    after = e.executor_removed("0", 13.0, "worker lost")
    assert lost(e.job_end(0, 10.0), e.application_end(13.0), after) == []


def test_a_crash_just_before_the_end_is_a_loss() -> None:
    crash = e.executor_removed("0", 12.9, "Command exited with code 137")
    assert lost(e.job_end(0, 10.0), crash, e.application_end(13.0)) == ["0"]


def test_an_executor_ended_by_sigterm_is_lost_if_the_application_goes_on() -> None:
    removed = e.executor_removed("0", 5.0, "Command exited with code 143")
    one, two = e.stage_info(1), e.executor_added("2", 6.0)
    end = e.job_end(0, 10.0), e.application_end(11.0)
    failed = e.job_end(0, 10.0, "JobFailed"), e.application_end(11.0)
    assert lost(removed) == ["0"]
    assert lost(removed, *end) == ["0"]
    assert lost(removed, two, *failed) == ["0"]
    assert lost(removed, e.job_start(1, 6.0, one), *failed) == ["0"]
    assert lost(removed, e.job_end(0, 10.0, "JobFailed"), e.application_end(50.0)) == ["0"]


def test_executors_that_leave_while_a_job_is_cut_off_by_the_shutdown_are_not_lost() -> None:
    removed = e.executor_removed("0", 9.0, HOOKS)
    assert lost(removed, e.job_end(0, 10.0, "JobFailed"), e.application_end(11.0)) == []


def test_the_agents_word_that_the_driver_exits_counts_at_once_and_for_any_reason() -> None:
    before, after = e.executor_removed("0", 11.9), e.executor_removed("1", 12.0)
    assert lost(before, EXITING, after) == ["0"]
    assert lost(before, EXITING, after, e.job_end(0, 12.5, "JobFailed")) == ["0"]
    assert lost(before, EXITING, after, e.application_end(12.6)) == ["0"]
