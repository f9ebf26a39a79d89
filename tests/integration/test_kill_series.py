"""Tasks on real Spark are killed at random moments, and retried at once."""

from __future__ import annotations

import pytest

from tests.integration.series import figures_of
from tests.support.processes.attempt import Mark, double_submits, wrong

BEGIN, SUCCESS, FAILURE = Mark("begin", 0), Mark("end", 0), Mark("end", 3)


@pytest.mark.parametrize(
    ("marks", "double"),
    [
        ([BEGIN, SUCCESS], 0),
        ([BEGIN, FAILURE, BEGIN, SUCCESS], 0),
        ([BEGIN, BEGIN, SUCCESS], 0),
        ([BEGIN, Mark("begin", 1), SUCCESS], 1),
        ([BEGIN, SUCCESS, BEGIN], 1),
    ],
    ids=["one", "after a failure", "after one that was ended", "beside", "after a success"],
)
def test_a_submit_is_double_beside_a_living_application_or_after_a_success(
    marks: list[Mark], double: int
) -> None:
    assert double_submits(marks) == double


def test_the_result_of_a_task_is_that_of_its_last_application() -> None:
    assert wrong("success", [BEGIN, FAILURE, BEGIN, SUCCESS]) == ""
    assert wrong("it failed with exit code 3. Last lines:", [BEGIN, FAILURE]) == ""
    assert wrong("success", [BEGIN, FAILURE])
    assert wrong("it failed with exit code 3", [BEGIN, SUCCESS])
    assert wrong("killed", [BEGIN])


@pytest.mark.spark
@pytest.mark.airflow
@pytest.mark.usefixtures("spark_home")
def test_tasks_that_are_killed_run_their_application_once_and_lose_nothing() -> None:
    found = figures_of("kill", 400, ENEL_KILL_RUNS=2, ENEL_KILL_AT_ONCE=2, ENEL_KILL_SEED=7)
    assert found["kills"]["maximum"] >= 1
    for nothing in (
        *("double submits", "components lost", "decisions lost", "decisions doubled"),
        *("wrong results", "left running"),
    ):
        assert found[nothing]["maximum"] == 0, nothing
    if "polls until re-attached" in found:  # where an agent was there before the kill
        assert found["polls until re-attached"]["maximum"] <= 2
