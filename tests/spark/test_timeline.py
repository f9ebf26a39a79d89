"""Executors over time, against the definition by brute force."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import ExecutorSpan
from airflow_enel.spark.timeline import CapacityTimeline

moments = st.integers(0, 40).map(float)


@st.composite
def spans(draw: st.DrawFn) -> ExecutorSpan:
    added, *ends = sorted(draw(st.lists(moments, min_size=3, max_size=3)))
    draining = ends[0] if draw(st.booleans()) else None
    removed = ends[1] if draw(st.booleans()) else None
    return ExecutorSpan("x", "h", 1, added, draining_at=draining, removed_at=removed)


def count(executors: list[ExecutorSpan], at: float) -> int:
    return sum(
        e.added_at <= at and (e.capacity_until is None or at < e.capacity_until) for e in executors
    )


@given(st.lists(spans(), max_size=6), moments)
def test_the_level_at_a_moment_is_the_number_of_executors_that_take_tasks(
    executors: list[ExecutorSpan], at: float
) -> None:
    assert CapacityTimeline(executors).at(at) == count(executors, at)


@given(st.lists(spans(), max_size=6), moments, moments)
def test_the_scale_out_of_an_interval_is_that_of_its_unit_steps_with_executors(
    executors: list[ExecutorSpan], one: float, other: float
) -> None:
    start, end = min(one, other), max(one, other)
    levels = [count(executors, start + step) for step in range(int(end - start))]
    levels = [level for level in levels if level > 0]
    found = CapacityTimeline(executors).scale_out(start, end)

    if levels:
        assert (found.start, found.end) == (levels[0], levels[-1])
        assert found.mean == pytest.approx(sum(levels) / len(levels))
        between = [level for level in levels if level not in (levels[0], levels[-1])]
        assert found.rescaling_fraction == pytest.approx(len(between) / len(levels))
    else:
        assert found.start == found.end
    assert 0 <= found.rescaling_fraction <= 1
