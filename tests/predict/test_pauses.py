"""Pauses of rescales are no part of a component's time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_enel.domain import Component, Progress, ScaleRequest
from airflow_enel.domain.changes import Change, changes_of
from airflow_enel.predict.pauses import UsualGaps
from airflow_enel.simulation.mode import Mode
from tests.support.builders.past_runs import component, past_run
from tests.support.builders.simulated import LOOP, past_run_of

PAUSING = Mode(pause_s=7.0, pause_per_executor_s=0.5)
CALM, SHRUNK = [8] * 6, [8, 8, 8, 4, 4, 4]


def request(executors: int, at: float) -> ScaleRequest:
    return ScaleRequest(executors, 1, int(at), at)


def test_requests_that_keep_the_number_change_nothing() -> None:
    asked = [request(4, 1.0), request(6, 2.0), request(6, 3.0), request(2, 4.0)]
    assert changes_of(4, asked) == [Change(2.0, 4, 6), Change(4.0, 6, 2)]
    assert changes_of(0, asked) == [Change(2.0, 4, 6), Change(4.0, 6, 2)]


def test_a_past_run_loses_its_pause_and_nothing_else() -> None:
    runs = [past_run_of(LOOP, CALM, n, PAUSING) for n in range(3)]
    shrunk = past_run_of(LOOP, SHRUNK, 3, PAUSING)
    gaps = UsualGaps.of([*runs, shrunk])
    assert [gaps.remove_from_run(run) for run in runs] == runs
    without = gaps.remove_from_run(shrunk)
    saved = [
        before.added_s - after.added_s
        for before, after in zip(shrunk.components, without.components, strict=True)
    ]
    assert saved == pytest.approx([0, 0, 0, 9.0, 0, 0], abs=0.01)
    assert shrunk.runtime_s - without.runtime_s == pytest.approx(9.0, abs=0.01)
    assert [c.started_at for c in without.components] == [c.started_at for c in shrunk.components]


def test_the_usual_gap_before_a_component_is_part_of_its_time() -> None:
    calm = replace(
        past_run(0, 4, [10.0] * 2, ("a", "b")),
        components=(between("a", 0, 0.0, 10.0, 10.0), between("b", 1, 13.0, 23.0, 13.0)),
        requests=(request(4, 10.0),),
    )
    grown = replace(
        calm,
        components=(between("a", 0, 0.0, 10.0, 10.0), between("b", 1, 18.0, 28.0, 18.0)),
        requests=(request(6, 10.0),),
    )
    without = UsualGaps.of([calm, grown]).remove_from_run(grown)
    assert [c.added_s for c in without.components] == [10.0, 13.0]


def between(key: str, position: int, begin: float, end: float, added_s: float) -> Component:
    made = component(position, key, 0, added_s)
    return replace(made, started_at=begin, finished_at=end)


def test_the_progress_of_a_run_loses_its_pause_and_keeps_the_time_since() -> None:
    runs = [past_run_of(LOOP, CALM, n, PAUSING) for n in range(3)]
    shrunk = past_run_of(LOOP, SHRUNK, 3, PAUSING)
    finished = shrunk.components[:5]
    elapsed_s = finished[-1].finished_at - shrunk.started_at + 3.0
    progress = Progress(
        elapsed_s, finished, None, 4, 4, 0, 5, shrunk.requests[:4], 0.0, True, initial=8
    )
    without = UsualGaps.of([*runs, shrunk]).remove_from_progress(progress)
    assert progress.elapsed_s - without.elapsed_s == pytest.approx(9.0, abs=0.01)
    spent = [p.elapsed_s - sum(c.added_s for c in p.finished) for p in (progress, without)]
    assert spent == pytest.approx([3.0, 3.0])
