"""What is still to come, when the order or the number of components varies."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.predict import Conditional, Ellis
from airflow_enel.predict.alignment import Alignment
from tests.support.builders.past_runs import at, component, components, past_run

BOUNDS = Bounds(4, 8)


def runs(*orders: str) -> list[PastRun]:
    """A run per word, a component per letter."""
    return [past_run(n, 4, [100.0] * len(names), names) for n, names in enumerate(orders)]


def shares(past_runs: list[PastRun], progress: Progress | str) -> dict[str, float]:
    """Of the components that may come: key and occurrence to share."""
    past = Alignment.of(past_runs)
    if isinstance(progress, str):
        progress = at(components(4, [100.0] * len(progress), progress))
    found = past.shares(progress)
    return {
        f"{key}{occurrence}": float(found[column])
        for (key, occurrence), column in past.columns.items()
        if found[column] > 0
    }


@pytest.mark.parametrize("maker", [Ellis, Conditional])
@pytest.mark.parametrize("orders", [("ab", "ba") * 10, ("ab",) * 19 + ("ba",)])
def test_a_component_that_others_have_overtaken_is_still_expected(maker, orders):
    forecast = maker().fit(runs(*orders)).predict(at(components(4, [100.0], "b")), BOUNDS)
    assert forecast.median(4) == pytest.approx(102.0, rel=0.05)
    assert forecast.log_sd[0] < 0.12


def test_runs_in_which_it_came_before_are_no_evidence_whether_it_comes():
    assert shares(runs("ab", "ab", "ba", "ba", "b", "b"), "b") == {"a0": 0.5}


def test_a_component_that_always_came_before_was_left_out():
    assert shares(runs("abc", "abc", "abc"), "b") == {"c0": 1.0}


def test_a_component_that_sometimes_is_left_out_is_not_waited_for():
    assert shares(runs("abc", "bc", "abc", "abc"), "b") == {"c0": 1.0}


def test_iterations_that_race_with_another_component_all_come():
    past = runs("xxxxs", "sxxxx", "xxsxx", "xxxsx")
    assert shares(past, "xs") == {"x1": 1.0, "x2": 1.0, "x3": 1.0}
    assert shares(past, "xxx") == {"x3": 1.0, "s0": 1.0}


def test_iterations_until_convergence_come_as_often_as_they_did():
    past = runs("lxs", "lxxs", "lxxxs", "lxxxxs")
    assert shares(past, "lxx") == {"x2": pytest.approx(2 / 3), "x3": pytest.approx(1 / 3), "s0": 1}
    assert shares(past, "lxxs") == {}


def test_what_follows_under_the_same_key_is_expected_once_however_many_came_before():
    past = runs("zbze", "bze", "zbze", "bze", "zzbze")
    for begun, expected in (("b", "z0"), ("zb", "z1"), ("zzb", "z2")):
        assert shares(past, begun) == {expected: 1.0, "e0": 1.0}


def test_what_finishes_last_is_expected_though_it_began_first():
    """Spark jobs overlap: positions tell when they began."""

    def overlapping(run: PastRun) -> PastRun:
        ends = {"a": 30.0, "b": 10.0, "c": 20.0}
        parts = tuple(replace(c, finished_at=ends[c.key]) for c in run.components)
        return replace(run, components=parts)

    past = [overlapping(run) for run in runs("abc", "abc", "abc")]
    done = replace(component(1, "b"), finished_at=10.0)
    progress = at([done], component(2, "c", added_s=None))
    assert shares(past, progress) == {"a0": 1.0, "c0": 1.0}
    both = (done, replace(component(2, "c"), finished_at=20.0))
    assert shares(past, at(both)) == {"a0": 1.0}


def test_the_anchor_is_what_finished_last_not_what_began_last():
    past = runs("bac", "adb")
    first = replace(component(0, "a"), finished_at=20.0)
    second = replace(component(1, "b"), finished_at=10.0)
    assert shares(past, at([first, second])) == {"c0": 0.5, "d0": 0.5}


def test_equal_components_of_which_the_second_finished_first_are_told_apart():
    past = runs("aab", "aab")
    assert shares(past, at([component(1, "a", 1)])) == {"a0": 1.0, "b0": 1.0}


orders = st.lists(st.text("abx", min_size=1, max_size=8), min_size=1, max_size=6)


@given(orders, st.text("abxy", max_size=8))
def test_shares_are_shares_and_what_has_finished_does_not_come_again(past, begun):
    table = Alignment.of(runs(*past))
    done = components(4, [100.0] * len(begun), begun)
    found = table.shares(at(done))
    assert np.all((found >= 0) & (found <= 1))
    assert all(found[column] == 0 for c in done if (column := table.column(c)) is not None)


@given(st.permutations(list("abcxx")), st.integers(0, 5), st.lists(st.permutations(list("abcxx"))))
def test_a_run_like_a_past_one_is_expected_to_go_on_like_it(order, count, others):
    """Runs of the same components in any order: none is forgotten, none comes twice."""
    names = "".join(order)
    found = shares(runs(names, *("".join(other) for other in others)), names[:count])
    assert found == {f"{c.key}{c.occurrence}": 1.0 for c in components(4, [1.0] * 5, names)[count:]}


class TestFewestExecutors:
    PAST = Alignment.of([past_run(0, 8, [9.0, 9.0], "ab"), past_run(1, 6, [9.0], "a")])

    def test_of_each_component_over_all_past_runs(self):
        assert self.PAST.fewest_executors().tolist() == [6, 8]

    def test_components_with_fewer_than_that_have_explored(self):
        assert self.PAST.explored(at(components(4, [9.0, 9.0], "ab"))) == 2
        assert self.PAST.explored(at(components(7, [9.0, 9.0], "ab"))) == 1

    def test_components_that_are_new_have_not(self):
        assert self.PAST.explored(at(components(2, [9.0], "z"))) == 0


def scaled(*sizes: tuple[int, int]) -> Alignment:
    """One run with components of these executors at start and end."""
    parts = tuple(
        component(place, "step", place, executors=start, end=end, disturbed=start != end)
        for place, (start, end) in enumerate(sizes)
    )
    return Alignment.of([replace(past_run(0, 4), components=parts)])


def test_executors_are_ready_once_they_have_been_there_for_a_whole_component():
    past = scaled((4, 4), (4, 9), (9, 9), (9, 9), (3, 3))
    assert past.start[0].tolist() == [4, 4, 9, 9, 3]
    assert past.ready[0].tolist() == [4, 4, 4, 9, 3]
    assert past.settled()[0].tolist() == [True, False, False, True, True]


def test_executors_that_came_between_two_components_are_not_ready():
    past = scaled((4, 4), (9, 9), (9, 9))
    assert past.ready[0].tolist() == [4, 4, 9]
    assert past.settled()[0].tolist() == [True, False, True]


def test_executors_that_were_asked_for_at_the_start_are_no_growth():
    registering = scaled((2, 6), (9, 9), (9, 9), (12, 12), (12, 12))
    grown = registering.after_growth()[0].tolist()
    assert grown == [False, False, True, False, True]
    started = replace(registering, initial=np.array([9.0]))
    assert started.after_growth()[0].tolist() == [False, False, False, False, True]
