"""The chain of tasks that takes longest."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.history.critical_path import critical_path, descendants, high_quantile

DIAMOND = {"spark": ["a", "b"], "a": ["end"], "b": ["end"], "end": [], "other": ["end"]}


def test_branches_take_as_long_as_the_longest_of_them_and_not_all_together() -> None:
    path = critical_path(DIAMOND, "spark", {"a": 10.0, "b": 30.0, "end": 5.0, "other": 99.0})
    assert (path.tasks, path.seconds) == (("b", "end"), 35.0)


def test_the_last_task_has_nothing_behind_it() -> None:
    path = critical_path(DIAMOND, "end", {"a": 10.0})
    assert (path.tasks, path.seconds) == ((), 0.0)


def test_a_task_that_is_not_in_the_graph_has_nothing_behind_it() -> None:
    assert critical_path({}, "spark", {}).seconds == 0.0


def test_tasks_without_a_duration_take_no_time_but_lead_on() -> None:
    path = critical_path(DIAMOND, "spark", {"end": 5.0})
    assert (path.tasks, path.seconds) == (("end",), 5.0)


def test_a_chain_of_thousands_is_no_recursion() -> None:
    chain = {str(n): [str(n + 1)] for n in range(5000)} | {"5000": []}
    assert critical_path(chain, "0", dict.fromkeys(chain, 1.0)).seconds == 5000.0


def test_descendants_are_all_that_follow_and_not_what_runs_beside() -> None:
    assert descendants(DIAMOND, "spark") == {"a", "b", "end"}


@pytest.mark.parametrize(
    ("values", "quantile"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0], 2.0),
        ([5.0, 1.0, 2.0, 3.0, 4.0], 4.0),
        ([0.0, 0.0, 9.0, 0.0, 0.0], 0.0),
    ],
)
def test_four_of_five_values_do_not_exceed_the_quantile(
    values: list[float], quantile: float
) -> None:
    assert high_quantile(values) == quantile


def test_there_is_no_quantile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        high_quantile([])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, float]]:
    size = draw(st.integers(1, 7))
    tasks = [str(n) for n in range(size)]
    edges = {
        task: draw(st.lists(st.sampled_from(tasks[n + 1 :]), unique=True)) if n + 1 < size else []
        for n, task in enumerate(tasks)
    }
    seconds = {task: float(draw(st.integers(0, 50))) for task in tasks}
    return edges, seconds


@given(graphs())
def test_it_is_the_longest_of_all_chains(
    graph: tuple[dict[str, list[str]], dict[str, float]],
) -> None:
    edges, seconds = graph
    path = critical_path(edges, "0", seconds)
    assert path.seconds == _longest(edges, seconds, "0") - seconds["0"]
    assert sum(seconds[task] for task in path.tasks) == path.seconds


def _longest(edges: Mapping[str, list[str]], seconds: Mapping[str, float], task: str) -> float:
    after = [_longest(edges, seconds, following) for following in edges[task]]
    return seconds[task] + max(after, default=0.0)
