"""A driver with one SparkContext after the other is one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.outcome import outcome
from airflow_enel.control.progress import reduce_progress
from airflow_enel.domain import Bounds, RunState, Snapshot
from airflow_enel.spark.agent_reader import AgentReader
from airflow_enel.spark.driver_reducer import DriverReducer
from airflow_enel.spark.reducer import EventReducer
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import page

FIRST = e.simple_run(components=2, executors=2)  # from 1 s to 23 s
ONE, TWO = e.stage_info(0), e.stage_info(1, parents=(0,))
SECOND = [
    e.environment(spark_enel_initialExecutors="2"),
    e.application_start(30.0, "app-2"),
    e.executor_added("0", 31.0),
    e.scale_accepted(3, 5, 31.5),
    e.job_start(0, 32.0, ONE, TWO),
    e.stage_completed(ONE, 32.0, 34.0),
    e.stage_completed(TWO, 34.0, 36.0),
    e.job_end(0, 36.0),
    e.executor_removed("0", 37.0, "Command exited with code 137"),
    e.job_start(1, 38.0, e.stage_info(2)),
    e.job_end(1, 40.0),
    e.application_end(41.0),
]
DRIVER = [*FIRST, *SECOND]


def fold(events: list[dict[str, Any]], read_at: float = 100.0) -> Snapshot:
    driver = DriverReducer()
    for event in events:
        driver.add(event)
    return driver.snapshot(read_at)


def test_both_contexts_are_one_complete_run_from_the_first_start_to_the_last_end() -> None:
    snapshot = fold(DRIVER)
    ended = outcome(snapshot, 0, 35.0, RunState.SUCCEEDED)

    assert (snapshot.app_id, snapshot.complete) == ("app-1", True)
    assert (ended.runtime_s, ended.violation_s, ended.executors_lost) == (40.0, 5.0, 1)
    assert ended.executor_seconds == 2 * (23.0 - 2.0) + (37.0 - 31.0)


def test_components_of_the_second_context_go_on_where_the_first_ended() -> None:
    components = fold(DRIVER).components
    assert [c.position for c in components] == [0, 1, 2, 3]
    assert [c.job_id for c in components] == [0, 1, 2, 3]
    assert [c.occurrence for c in components] == [0, 1, 0, 0]
    assert [(s.stage_id, s.parents) for s in components[2].stages] == [(2, ()), (3, (2,))]
    assert sum(c.added_s or 0.0 for c in components) == 40.0 - 1.0
    again = fold([*FIRST, e.application_start(30.0, "app-2"), *_one_more_like_the_first()])
    assert again.components[2].key == components[0].key
    assert again.components[2].occurrence == 2


def _one_more_like_the_first() -> list[dict[str, Any]]:
    info = e.stage_info(0)
    return [e.job_start(0, 31.0, info), e.stage_completed(info, 31.0, 32.0), e.job_end(0, 32.0)]


@pytest.mark.parametrize(("executor", "local"), [("0", False), ("driver", True)])
def test_local_mode_is_seen_in_any_context(executor: str, local: bool) -> None:
    second = [e.application_start(30.0, "app-2"), e.executor_added(executor, 31.0)]
    assert fold([*FIRST, *second]).local_mode is local


def test_executors_of_a_context_leave_with_it_and_are_not_lost() -> None:
    snapshot = fold(DRIVER)
    assert [snapshot.executors_at(at) for at in (22.0, 25.0, 33.0, 39.0)] == [2, 0, 1, 0]
    assert [(s.executor_id, s.lost) for s in snapshot.executors] == [
        ("0", False),
        ("1", False),
        ("1:0", True),
    ]


def test_a_run_goes_on_while_its_second_context_runs() -> None:
    ended = len(FIRST)
    between, running = fold(DRIVER[:ended], 25.0), fold(DRIVER[: ended + 3], 31.0)
    assert (between.ended_at, running.ended_at) == (23.0, None)
    assert running.read_at == 31.0
    assert [c.executors for c in running.requests] == []
    assert len(running.finished_components) == 2


def test_the_epoch_never_decreases_over_both_contexts() -> None:
    epochs = [
        reduce_progress(fold(DRIVER[:count], 100.0), Bounds(1, 4), 100.0).epoch
        for count in range(len(DRIVER) + 1)
    ]
    assert epochs == sorted(epochs)
    assert epochs[-1] == 4 + 1  # components, and the executor lost


def test_a_third_context_follows_like_the_second() -> None:
    third = [e.application_start(50.0, "app-3"), e.executor_added("0", 51.0)]
    snapshot = fold([*DRIVER, *third])
    assert [s.executor_id for s in snapshot.executors] == ["0", "1", "1:0", "2:0"]
    assert snapshot.complete


@given(st.lists(st.integers(0, len(FIRST) - 1), max_size=20), st.integers(0, len(FIRST)))
def test_one_application_is_what_the_reducer_alone_makes_of_it(again: list[int], end: int) -> None:
    events = [*FIRST[:end], *(FIRST[index] for index in again if index < end)]
    alone = EventReducer()
    for event in events:
        alone.add(event)
    assert fold(events) == alone.snapshot(100.0)


def test_another_application_without_an_end_before_it_makes_the_run_incomplete() -> None:
    assert not fold([*FIRST[:-1], *SECOND]).complete


def test_the_agents_final_state_holds_all_contexts(tmp_path: Path) -> None:
    file = tmp_path / "final.json"
    file.write_bytes(page(DRIVER))
    snapshot = AgentReader().read_final(file)
    assert snapshot is not None
    assert len(snapshot.components) == 4


@pytest.mark.parametrize(("properties", "complete"), [({}, True), ({"earlier": "app-1"}, False)])
def test_the_event_log_of_a_later_context_alone_is_incomplete(
    properties: dict[str, str], complete: bool
) -> None:
    named = {f"spark_enel_{name}Application": value for name, value in properties.items()}
    alone = EventReducer()
    for event in [e.environment(spark_app_name="job", **named), *SECOND[1:]]:
        alone.add(event)
    assert alone.snapshot(100.0).complete is complete
