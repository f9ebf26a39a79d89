"""The reducer: from events to snapshots."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from airflow_enel.domain import Component, Snapshot
from airflow_enel.spark.reducer import EventReducer
from tests.support.builders import spark_events as e


def fold(events: list[dict[str, Any]], read_at: float = 100.0) -> Snapshot:
    folded = EventReducer()
    for event in events:
        folded.add(event)
    return folded.snapshot(read_at)


def only(snapshot: Snapshot) -> Component:
    (component,) = snapshot.components
    return component


def test_a_run_becomes_a_snapshot_with_its_components_in_order() -> None:
    snapshot = fold(e.simple_run(components=3, executors=2))

    assert snapshot.complete
    assert (snapshot.app_id, snapshot.app_name) == ("app-1", "job")
    assert (snapshot.started_at, snapshot.ended_at) == (1.0, 33.0)
    assert snapshot.initial_executors == 2
    assert [c.position for c in snapshot.components] == [0, 1, 2]
    assert [c.occurrence for c in snapshot.components] == [0, 1, 2]
    assert len({c.key for c in snapshot.components}) == 1
    assert all(
        c.succeeded and c.scale_out.start == c.scale_out.end == 2 for c in snapshot.components
    )


@pytest.mark.parametrize(("properties", "task_cpus"), [({}, 1), ({"spark_task_cpus": "2"}, 2)])
def test_tasks_take_one_core_unless_spark_is_told_otherwise(
    properties: dict[str, str], task_cpus: int
) -> None:
    reducer = EventReducer()
    reducer.add(e.environment(**properties))
    assert reducer.snapshot(0.0).task_cpus == task_cpus


def test_storage_memory_is_that_of_the_smallest_executor_and_what_is_cached_now() -> None:
    storage = [e.storage_added("driver", 10), e.storage_added("0", 2**33), e.storage_added("1", 99)]
    snapshot = fold([*e.simple_run(), *storage, e.cached_data(5_000_000_000), e.cached_data(70)])
    assert (snapshot.complete, snapshot.storage_bytes, snapshot.cached_bytes) == (True, 99, 70)


@pytest.mark.parametrize("odd", [-1, 1.5, "5", None, 2**63, True])
def test_an_unreadable_size_makes_the_snapshot_incomplete(odd: Any) -> None:
    for event in (e.cached_data(odd), e.storage_added("0", odd)):
        assert not fold([*e.simple_run(), event]).complete


def test_added_seconds_of_all_components_sum_to_the_time_until_the_last_finish() -> None:
    one, two = e.stage_info(0), e.stage_info(1)
    overlapping = [
        e.application_start(1.0),
        e.job_start(0, 4.0, one),
        e.job_start(1, 5.0, two),
        e.job_end(1, 9.0),
        e.job_end(0, 20.0),
    ]
    snapshot = fold(overlapping)

    assert [c.added_s for c in snapshot.components] == [11.0, 8.0]
    assert sum(c.added_s or 0 for c in snapshot.components) == 20.0 - 1.0


def test_edges_through_skipped_stages_are_contracted() -> None:
    infos = [e.stage_info(0), e.stage_info(1, parents=(0,)), e.stage_info(2, parents=(1,))]
    snapshot = fold(
        [
            e.job_start(0, 1.0, *infos),
            e.stage_completed(infos[0], 1.0, 2.0),
            e.stage_completed(infos[2], 2.0, 3.0),
            e.job_end(0, 3.0),
        ]
    )
    assert [(stage.stage_id, stage.parents) for stage in only(snapshot).stages] == [
        (0, ()),
        (2, (0,)),
    ]


def test_a_key_does_not_depend_on_ids_times_or_the_folder_of_the_file() -> None:
    def run(first_id: int, folder: str, at: float) -> str:
        info = e.stage_info(first_id, name=f"sum at {folder}/job.py:12")
        return only(
            fold(
                [
                    e.job_start(7, at, info),
                    e.stage_completed(info, at, at + 1),
                    e.job_end(7, at + 1),
                ]
            )
        ).key

    assert run(0, "/releases/1", 5.0) == run(40, "hdfs://host/releases/2", 80.0)


def test_a_key_depends_on_how_many_stages_really_run() -> None:
    infos = [e.stage_info(0), e.stage_info(1, parents=(0,))]
    both = [e.stage_completed(info, 1.0, 2.0) for info in infos]
    start, end = e.job_start(0, 1.0, *infos), e.job_end(0, 3.0)

    assert only(fold([start, *both, end])).key != only(fold([start, both[1], end])).key


def test_a_running_component_has_the_key_that_it_will_have_when_it_has_finished() -> None:
    infos = [e.stage_info(0), e.stage_info(1, parents=(0,)), e.stage_info(2, parents=(1,))]
    events = [e.job_start(0, 1.0, *infos), e.stage_submitted(infos[1], 1.0)]
    running = only(fold(events))
    events += [
        e.stage_completed(infos[1], 1.0, 2.0),
        e.stage_completed(infos[2], 2.0, 3.0),
        e.job_end(0, 3.0),
    ]
    assert running.finished_at is None
    assert running.key == only(fold(events)).key


def test_jobs_of_an_sql_execution_are_known_by_its_description_and_their_ordinal() -> None:
    start = {
        "Event": "org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart",
        "executionId": 3,
        "description": "collect at /tmp/report.py:9",
    }
    snapshot = fold(
        [
            start,
            e.job_start(0, 1.0, e.stage_info(0, "useless"), spark_sql_execution_id="3"),
            e.job_start(1, 2.0, e.stage_info(1, "useless"), spark_sql_execution_id="3"),
        ]
    )
    assert [c.key for c in snapshot.components] == [
        "sql: collect at report.py:9 #0",
        "sql: collect at report.py:9 #1",
    ]


def test_metrics_are_the_sums_that_spark_reports_for_the_stage() -> None:
    info = e.stage_info(0)
    completed = e.stage_completed(
        info,
        1.0,
        2.0,
        executorRunTime=4200,
        executorCpuTime=1_500_000_000,
        jvmGCTime=30,
        diskBytesSpilled=7,
        **{"shuffle.read.remoteBytesRead": 10, "shuffle.read.localBytesRead": 5},
    )
    (stage,) = only(fold([e.job_start(0, 1.0, info), completed, e.job_end(0, 2.0)])).stages

    assert stage.metrics.executor_run_s == pytest.approx(4.2)
    assert stage.metrics.executor_cpu_s == pytest.approx(1.5)
    assert stage.metrics.gc_s == pytest.approx(0.03)
    assert stage.metrics.shuffle_read_bytes == 15
    assert stage.metrics.disk_spilled_bytes == 7


def test_the_input_of_a_component_counts_a_stage_that_was_retried_once() -> None:
    scan, join = e.stage_info(0), e.stage_info(1, parents=(0,))
    again = scan | {"Stage Attempt ID": 1}
    lost = scan | {"Failure Reason": "executor lost"}
    events = [
        e.job_start(0, 1.0, scan, join),
        e.stage_completed(lost, 1.0, 2.0, **{"input.bytesRead": 700}),
        e.stage_completed(again, 2.0, 3.0, **{"input.bytesRead": 900}),
    ]
    running = only(fold(events))
    joined = e.stage_completed(join, 3.0, 4.0, **{"input.bytesRead": 50})
    finished = only(fold([*events, joined, e.job_end(0, 4.0)]))

    assert (running.input_bytes, finished.input_bytes) == (900, 950)


def test_task_events_of_a_stored_log_and_the_digest_of_the_agent_say_the_same() -> None:
    info = e.stage_info(0)
    start, completed, end = (
        e.job_start(0, 1.0, info),
        e.stage_completed(info, 1.0, 9.0),
        e.job_end(0, 9.0),
    )
    tasks = [e.task_end(0, 1.0, 1.0 + s) for s in (1.1, 2.2, 2.203, 6.3)]
    failed = e.task_end(0, 1.0, 90.0, reason="ExceptionFailure")
    digest = {
        "Event": "EnelTaskDigest",
        "Stage ID": 0,
        "Stage Attempt ID": 0,
        "Count": 4,
        "Total Time": 11_803,
        "Median Time": 2201,
        "Max Time": 6300,
    }
    stored = fold([start, *tasks, failed, completed, end])
    live = fold([start, completed, digest, end])

    assert only(stored).stages[0].digest == only(live).stages[0].digest
    assert only(stored).stages[0].digest is not None


def test_executors_that_were_asked_to_go_are_not_lost() -> None:
    snapshot = fold(
        [
            *(e.executor_added(str(index), 1.0) for index in range(3)),
            e.executor_draining("0", 5.0),
            e.executor_removed("0", 7.0, "Executor decommission."),
            e.executor_removed("0", 8.0, "Executor decommission."),
            e.executor_removed("1", 6.0, "Command exited with code 137"),
            e.executor_removed("2", 9.0, "Worker is decommissioned"),
        ]
    )
    first, second, third = snapshot.executors
    assert (first.draining_at, first.removed_at, first.lost) == (5.0, 7.0, False)
    assert (second.removed_at, second.lost) == (6.0, True)
    assert not third.lost


def test_draining_executors_cost_but_are_no_capacity() -> None:
    snapshot = fold(
        [
            e.executor_added("0", 0.0),
            e.executor_added("1", 0.0),
            e.executor_draining("1", 10.0),
            e.executor_removed("1", 14.0),
        ]
    )
    assert [snapshot.executors_at(at) for at in (5.0, 12.0)] == [2, 1]
    assert snapshot.executor_seconds(20.0) == 20.0 + 14.0


def test_a_component_during_which_executors_came_is_disturbed_and_has_both_scale_outs() -> None:
    info = e.stage_info(0)
    snapshot = fold(
        [
            e.executor_added("0", 0.0),
            e.job_start(0, 10.0, info),
            e.executor_added("1", 14.0),
            e.executor_added("2", 18.0),
            e.job_end(0, 20.0),
        ]
    )
    component = only(snapshot)
    assert component.disturbed
    assert (component.scale_out.start, component.scale_out.end) == (1, 3)
    assert component.scale_out.rescaling_fraction == pytest.approx(0.4)
    assert component.scale_out.mean == pytest.approx((4 * 1 + 4 * 2 + 2 * 3) / 10)


def test_accepted_requests_are_remembered_once_per_epoch() -> None:
    snapshot = fold(
        [e.scale_accepted(4, 1, 5.0), e.scale_accepted(4, 1, 5.0), e.scale_accepted(2, 3, 9.0)]
    )
    assert [(r.epoch, r.executors) for r in snapshot.requests] == [(1, 4), (3, 2)]


def test_a_finished_component_never_changes_again() -> None:
    folded = EventReducer()
    run = e.simple_run(components=2)
    for event in run[:8]:
        folded.add(event)
    before = folded.snapshot(50.0).components[0]
    for event in [*run[8:], e.executor_removed("0", 5.0)]:
        folded.add(event)

    assert before.finished_at is not None
    assert folded.snapshot(90.0).components[0] == before


@given(st.lists(st.integers(0, 17), max_size=40), st.randoms(use_true_random=False))
def test_events_that_come_twice_change_nothing(again: list[int], chance: random.Random) -> None:
    run = e.simple_run(components=3)
    repeated = list(run)
    for index in again:
        event = run[index % len(run)]
        repeated.insert(chance.randint(repeated.index(event) + 1, len(repeated)), event)

    assert fold(repeated) == fold(run)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Submission Time", float("nan")),
        ("Submission Time", "soon"),
        ("Job ID", -1),
        ("Job ID", True),
        ("Stage Infos", None),
        ("Stage Infos", [{"Stage ID": 1}]),
    ],
)
def test_an_unreadable_event_is_skipped_and_marks_the_snapshot(field: str, value: object) -> None:
    snapshot = fold([{**e.job_start(0, 1.0, e.stage_info(0)), field: value}])
    assert not snapshot.complete
    assert snapshot.components == ()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)
    ),
    max_leaves=8,
)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value, however deep."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key, part in items for place in places(part, (*path, key)))]


@given(st.lists(st.tuples(st.integers(0), st.integers(0), json_values), max_size=6))
def test_no_garbage_at_any_depth_can_crash_the_reducer_or_what_stores_its_snapshots(
    damage: list[tuple[int, int, object]],
) -> None:
    run = e.simple_run(components=3)
    for which, where, value in damage:
        event = copy.deepcopy(run[which % len(run)])
        path = (found := places(event)[1:])[where % len(found)]
        target: Any = event
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value
        run[which % len(run)] = event

    snapshot = fold(run)

    assert all(c.added_s is None or c.added_s >= 0 for c in snapshot.components)
    adapter = TypeAdapter(Snapshot)
    assert adapter.validate_json(adapter.dump_json(snapshot)) == snapshot


@pytest.mark.parametrize("value", [{"a": 1}, ["x"], 7, 10**400])
@pytest.mark.parametrize("name", ["spark.job.description", "spark.sql.execution.id"])
def test_properties_that_are_no_texts_are_not_taken(name: str, value: object) -> None:
    event = e.job_start(0, 1.0, e.stage_info(0))
    snapshot = fold([{**event, "Properties": {name: value}}])
    assert not snapshot.complete
