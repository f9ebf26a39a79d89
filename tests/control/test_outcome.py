from dataclasses import replace

import pytest

from airflow_enel.control.outcome import outcome
from airflow_enel.domain import RunOutcome, RunState
from tests.support.builders.snapshots import EMPTY, START, executor, request, snapshot

ENDED = replace(snapshot(finished=4, running=False), ended_at=START + 50, read_at=START + 60)


def ended(**changes) -> RunOutcome:
    return outcome(replace(ENDED, **changes), 0, 45.0, RunState.SUCCEEDED)


def test_sums_up_a_run():
    assert ended() == RunOutcome(
        state=RunState.SUCCEEDED,
        exit_code=0,
        app_id="app-1",
        started_at=START,
        ended_at=START + 50,
        runtime_s=50.0,
        executor_seconds=200.0,
        executors_at_start=4,
        executors_lost=0,
        rescales=0,
        reversals=0,
        violation_s=5.0,
        complete=True,
    )


@pytest.mark.parametrize(
    ("sizes", "rescales", "reversals"),
    [
        ([], 0, 0),
        ([4, 4], 0, 0),
        ([6, 6, 9], 2, 0),
        ([6, 4, 4, 8], 3, 2),
        ([3, 3, 2], 2, 0),
        ([3, 5], 2, 1),
    ],
)
def test_requests_that_keep_the_number_are_no_rescales(sizes, rescales, reversals):
    asked = tuple(request(size, n + 1, START + n) for n, size in enumerate(sizes))
    summed = ended(requests=asked)
    assert (summed.rescales, summed.reversals) == (rescales, reversals)


def test_a_met_target_is_no_violation():
    assert outcome(ENDED, 0, 50.0, RunState.SUCCEEDED).violation_s == 0.0
    assert outcome(ENDED, 0, None, RunState.SUCCEEDED).violation_s is None


def test_a_run_whose_end_was_not_seen_is_counted_until_the_reading():
    summed = outcome(replace(ENDED, ended_at=None), None, 45.0, RunState.LOST)
    assert (summed.runtime_s, summed.violation_s) == (None, None)
    assert summed.executor_seconds == 4 * 60.0


def test_losses_are_executors_that_went_unasked_before_the_end():
    spans = (
        executor(0, removed_at=START + 20),
        executor(1, draining_at=START + 20, removed_at=START + 22),
        executor(2, removed_at=START + 50.5),
    )
    summed = ended(executors=spans)
    assert summed.executors_lost == 1
    assert summed.executor_seconds == 20 + 22 + 50


def test_an_application_that_never_started_has_an_outcome():
    nothing = replace(EMPTY, app_id=None, started_at=None)
    summed = outcome(nothing, 1, 45.0, RunState.FAILED)
    assert (summed.executors_at_start, summed.executor_seconds, summed.runtime_s) == (0, 0, None)


def test_executors_at_the_start_are_those_there_when_the_first_component_finished():
    spans = (
        executor(0, START + 2),
        executor(1, START + 9.9),
        executor(2, START + 10.1),
        executor(3, START + 2, draining_at=START + 9),
    )
    assert ended(executors=spans, initial_executors=8).executors_at_start == 2
    backwards = tuple(reversed(ENDED.components))
    assert ended(executors=spans, components=backwards).executors_at_start == 2


def test_without_a_finished_component_they_are_those_at_the_end():
    spans = (executor(0, START + 2), executor(1, START + 49), executor(2, START + 51))
    assert ended(executors=spans, components=()).executors_at_start == 2
    unseen = replace(ENDED, executors=spans, components=(), ended_at=None)
    assert outcome(unseen, None, None, RunState.LOST).executors_at_start == 3


def test_lost_events_are_remembered():
    assert not ended(complete=False).complete


def test_a_run_in_its_driver_alone_is_not_to_be_learned_from():
    driver = replace(executor(0), executor_id="driver")
    assert not ended(executors=(driver,)).complete


def test_an_unknown_initial_number_makes_the_first_request_no_rescale():
    asked = (request(6, 1, START + 10), request(9, 2, START + 20))
    assert ended(initial_executors=None, requests=asked).rescales == 1
