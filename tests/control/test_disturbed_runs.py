"""Runs that are not like those before them, sized by the default policy: none is made later."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_enel.control.policies import find_policy
from airflow_enel.simulation.job import JobDescription, Phase
from tests.support.builders.disturbed_runs import (
    BOUNDS,
    COMPONENTS,
    JOB,
    disturbed_run,
    past_runs,
)
from tests.support.builders.simulated import past_run_of

NEVER_S = 1e6
TOO_SHORT_S = 60.0  # less than the job takes at any size


def longer(times: float) -> JobDescription:
    """The same job, but each of its components takes so many times as long."""
    phases = (
        replace(p, fixed_s=times * p.fixed_s, parallel_s=times * p.parallel_s) for p in JOB.phases
    )
    return replace(JOB, target_s=times * JOB.target_s, phases=tuple(phases))


def reversals(sizes: tuple[int, ...]) -> int:
    grew = [after > before for before, after in pairwise(sizes) if after != before]
    return sum(before != after for before, after in pairwise(grew))


@pytest.mark.parametrize(
    "target_s", [0.0, TOO_SHORT_S], ids=["passed before the start", "infeasible"]
)
@pytest.mark.parametrize("initial", [None, 4, 16])
def test_a_deadline_that_cannot_be_met_is_missed_by_as_little_as_possible(
    target_s: float, initial: int | None
) -> None:
    ran = disturbed_run(target_s=target_s, initial=initial)
    assert ran.sizes[1:] == (BOUNDS.maximum,) * (COMPONENTS - 1)
    assert ran.shrunk_while_late == []


@pytest.mark.parametrize("first", [0.7, 1.3])
def test_components_that_are_by_turns_faster_and_slower_cause_no_back_and_forth(
    first: float,
) -> None:
    ran = disturbed_run(factors=[first, 2.0 - first] * (COMPONENTS // 2))
    assert reversals(ran.sizes) <= 1
    assert ran.runtime_s <= JOB.target_s


# Whether a run is late may depend on what no policy can know yet: the same examples every time.
@settings(max_examples=25, derandomize=True)
@given(
    factors=st.lists(st.floats(0.7, 1.3), min_size=COMPONENTS, max_size=COMPONENTS),
    target_s=st.sampled_from([60.0, 90.0, 120.0, 160.0, 240.0]),
    initial=st.sampled_from([None, 2, 8, 16]),
    known=st.sampled_from([1, 2, 12]),
)
def test_whatever_varies_by_a_third_few_directions_change_and_no_late_run_shrinks(
    factors: list[float], target_s: float, initial: int | None, known: int
) -> None:
    ran = disturbed_run(past=past_runs(known), factors=factors, target_s=target_s, initial=initial)
    assert ran.shrunk_while_late == []
    assert reversals(ran.sizes) <= find_policy("enel").limits.reversals


def test_a_run_ten_times_as_long_as_all_before_it_gets_the_largest_size() -> None:
    ran = disturbed_run(factors=[10.0] * COMPONENTS)
    assert ran.sizes[1:] == (BOUNDS.maximum,) * (COMPONENTS - 1)


@pytest.mark.parametrize("known", [6, 12])
def test_after_one_run_of_ten_times_the_length_the_next_is_in_time_without_the_largest_size(
    known: int,
) -> None:
    tenfold = past_run_of(longer(10.0), [6] * COMPONENTS, known + 1)
    ran = disturbed_run(past=(*past_runs(known), tenfold))
    assert ran.runtime_s <= JOB.target_s
    assert ran.sizes[0] < BOUNDS.maximum


def test_a_usual_run_counts_on_no_executors_that_are_still_to_come() -> None:
    """Four at first and twelve later would cost the same as six throughout."""
    assert set(disturbed_run().sizes) == {6}


def with_a_component_never_seen(place: int) -> JobDescription:
    """The job with a phase more, of 26.7 s with six executors."""
    phases = [*JOB.phases]
    phases.insert(place, Phase("repair", fixed_s=20.0, parallel_s=40.0))
    return replace(JOB, phases=tuple(phases))


@pytest.mark.parametrize("place", [0, 1])
def test_a_component_never_seen_before_is_made_up_for(place: int) -> None:
    assert disturbed_run(with_a_component_never_seen(place)).runtime_s <= JOB.target_s


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_component_never_seen_before_shrinks_no_run_that_is_late(place: int) -> None:
    ran = disturbed_run(with_a_component_never_seen(place))
    assert ran.shrunk_while_late == []
    assert len(ran.snapshot.finished_components) == COMPONENTS + 1


@pytest.mark.parametrize("iterations", [1, 4])
def test_a_run_of_fewer_components_than_ever_ends_in_time(iterations: int) -> None:
    load, iteration, save = JOB.phases
    ran = disturbed_run(replace(JOB, phases=(load, replace(iteration, count=iterations), save)))
    assert len(ran.snapshot.finished_components) == iterations + 2
    assert ran.runtime_s <= JOB.target_s


def test_executors_that_never_come_are_no_reason_to_give_any_back() -> None:
    ran = disturbed_run(factors=[1.5] * COMPONENTS, start_s=NEVER_S)
    assert max(ran.sizes) > ran.sizes[0]
    assert all(change.after >= change.before for change in ran.changes)


@pytest.mark.parametrize(("start_s", "most"), [(20.0, 16), (NEVER_S, 10)])
def test_no_more_is_asked_for_while_a_growth_has_not_come_true(start_s: float, most: int) -> None:
    job = longer(20.0)  # its components last longer than executors are waited for
    ran = disturbed_run(
        job,
        past=past_runs(12, job),
        factors=[3.0] * COMPONENTS,
        target_s=job.target_s,
        start_s=start_s,
        initial=6,
        first=10,
    )
    assert max(ran.sizes) == most


def test_requests_that_spark_refuses_are_no_reason_to_give_any_back() -> None:
    ran = disturbed_run(factors=[1.5] * COMPONENTS, refuses=True)
    assert any(change.after > change.before for change in ran.changes)
    assert all(change.after >= change.before for change in ran.changes)
