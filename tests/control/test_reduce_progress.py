from dataclasses import replace

from hypothesis import given

from airflow_enel.control.progress import reduce_progress
from airflow_enel.domain import Bounds, Snapshot
from tests.support.builders.snapshots import (
    EMPTY,
    START,
    component,
    executor,
    histories,
    request,
    snapshot,
)

BOUNDS = Bounds(2, 12)


def epoch(reading: Snapshot) -> int:
    return reduce_progress(reading, BOUNDS, reading.read_at).epoch


def test_an_application_that_was_not_seen_yet_has_no_progress():
    nothing = replace(EMPTY, app_id=None, started_at=None, initial_executors=None)
    progress = reduce_progress(nothing, BOUNDS, START + 7)
    assert (progress.elapsed_s, progress.age_s) == (0.0, 7.0)
    assert (progress.executors, progress.requested, progress.epoch) == (0, 2, 0)
    assert (progress.finished, progress.running, progress.requests) == ((), None, ())


def test_elapsed_time_and_age_are_by_the_clock_that_is_passed_in():
    progress = reduce_progress(snapshot(finished=3), BOUNDS, START + 32)
    assert (progress.elapsed_s, progress.age_s) == (32.0, 2.0)


def test_elapsed_time_ends_with_the_application():
    reading = replace(snapshot(finished=3, running=False), ended_at=START + 31)
    assert reduce_progress(reading, BOUNDS, START + 99).elapsed_s == 31.0


def test_a_clock_that_lags_behind_the_reading_does_not_make_negative_times():
    progress = reduce_progress(replace(EMPTY, read_at=START), BOUNDS, START - 1)
    assert (progress.elapsed_s, progress.age_s) == (0.0, 0.0)


def test_components_are_told_apart_by_whether_they_have_finished():
    parts = (
        component(2, START + 3),
        component(1, START + 2, START + 9),
        component(0, START, START + 4),
        component(3, START + 5),
    )
    progress = reduce_progress(replace(snapshot(), components=parts), BOUNDS, START + 10)
    assert [c.position for c in progress.finished] == [0, 1]
    assert progress.running is not None
    assert progress.running.position == 3


def test_slots_are_those_of_the_executors_that_take_tasks():
    executors = (executor(0), executor(1), executor(2, draining_at=START + 1))
    reading = replace(snapshot(), executors=executors)
    assert reduce_progress(reading, BOUNDS, START + 10).slots == 4
    two_cores_a_task = replace(reading, task_cpus=2)
    assert reduce_progress(two_cores_a_task, BOUNDS, START + 10).slots == 2


def test_an_executor_of_unknown_cores_has_one_slot():
    reading = replace(snapshot(), executors=(replace(executor(0), cores=0),))
    assert reduce_progress(reading, BOUNDS, START + 10).slots == 1


def test_the_initial_size_stays_known_after_requests():
    reading = snapshot(finished=1, requests=[request(7, 1, START + 9)])
    progress = reduce_progress(reading, BOUNDS, START + 10)
    assert (progress.initial, progress.requested) == (4, 7)
    unknown = replace(reading, initial_executors=None)
    assert reduce_progress(unknown, BOUNDS, START + 10).initial == 2


def test_draining_and_removed_executors_are_none():
    spans = (executor(0), executor(1, draining_at=START + 1), executor(2, removed_at=START + 2))
    progress = reduce_progress(replace(EMPTY, executors=spans), BOUNDS, START + 5)
    assert (progress.executors, progress.lost) == (1, 1)


def test_what_is_requested_is_the_last_request():
    asked = (request(6, 1, START + 10), request(9, 2, START + 20))
    reading = snapshot(finished=2, requests=asked[::-1])
    progress = reduce_progress(reading, BOUNDS, START + 25)
    assert progress.requested == 9
    assert progress.requests == asked
    assert reduce_progress(snapshot(), BOUNDS, START).requested == 4


def test_holes_in_the_stream_are_passed_on():
    assert not reduce_progress(replace(EMPTY, complete=False), BOUNDS, START).complete


class TestEpoch:
    def test_counts_finished_components(self):
        assert epoch(snapshot(finished=3)) == 3

    def test_waits_for_the_first_executor(self):
        assert epoch(snapshot(finished=3, executors=0)) == 0

    def test_the_executors_asked_for_are_no_barriers(self):
        assert epoch(snapshot(executors=4)) == 0

    def test_an_executor_beyond_them_is(self):
        assert epoch(snapshot(executors=6)) == 2

    def test_a_lost_executor_is_and_its_replacement_is_not(self):
        spans = [executor(n) for n in range(4)]
        spans[1] = executor(1, removed_at=START + 5)
        reading = replace(snapshot(), executors=tuple(spans), read_at=START + 20)
        assert epoch(reading) == 1
        assert epoch(replace(reading, executors=(*spans, executor(4, START + 12)))) == 1

    def test_a_decommissioned_executor_is_not(self):
        spans = (executor(0), executor(1, draining_at=START + 5, removed_at=START + 8))
        assert epoch(replace(snapshot(), executors=spans)) == 0

    def test_executors_that_were_requested_are_not(self):
        spans = tuple(executor(n, START if n < 4 else START + 20) for n in range(6))
        unasked = replace(snapshot(), executors=spans)
        assert epoch(unasked) == 2
        assert epoch(replace(unasked, requests=(request(6, 0, START + 10),))) == 0

    def test_executors_that_go_with_their_application_are_not(self):
        spans = tuple(executor(n, removed_at=START + 41) for n in range(4))
        reading = replace(snapshot(finished=4, running=False), executors=spans)
        assert epoch(replace(reading, ended_at=START + 40)) == 4

    def test_nothing_is_gained_while_the_size_asked_for_is_unknown(self):
        assert epoch(replace(snapshot(executors=6), initial_executors=None)) == 0

    @given(histories())
    def test_never_falls_as_the_stream_grows(self, readings):
        epochs = [epoch(reading) for reading in readings]
        assert epochs == sorted(epochs)

    @given(histories())
    def test_does_not_depend_on_when_it_is_counted(self, readings):
        later = reduce_progress(readings[-1], BOUNDS, readings[-1].read_at + 1000)
        assert later.epoch == epoch(readings[-1])
