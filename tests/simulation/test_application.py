from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.outcome import outcome
from airflow_enel.control.policies import Policy, PolicyContext
from airflow_enel.domain import Bounds, Proposal, RunOutcome, RunState, Snapshot
from airflow_enel.simulation.controllers import (
    DynamicAllocation,
    FixedSchedule,
    PolicyController,
)
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.mode import MODES, Mode
from airflow_enel.simulation.noise import Kill
from tests.support.builders.simulated import (
    CACHED,
    ELASTIC,
    LOOP,
    application,
    noisy,
    quiet,
    simulated,
)

KILL = Kill(at_s=25.0, victim=0.5, stall_s=8.0)
BOUNDS = Bounds(1, 36)


def constant(executors: int, job: JobDescription = LOOP) -> FixedSchedule:
    return FixedSchedule([executors] * len(job.components()))


def seconds(snapshot: Snapshot) -> list[float]:
    """Of each component."""
    return [round((c.finished_at or 0.0) - c.started_at, 3) for c in snapshot.components]


def summed_up(snapshot: Snapshot) -> RunOutcome:
    return outcome(snapshot, 0, LOOP.target_s, RunState.SUCCEEDED)


def scripted(sizes: Sequence[int]) -> ScalingConfig:
    """A policy that follows a script: the size of the component that comes next."""

    def propose(context: PolicyContext) -> Proposal:
        return Proposal(sizes[len(context.progress.finished)], "as scripted")

    policy = Policy("scripted", propose, needs_target=False, guards=())
    return ScalingConfig(policy, None, None, BOUNDS, 1)


schedules = st.lists(st.integers(1, 36), min_size=6, max_size=6)


def test_components_take_what_their_description_says() -> None:
    assert seconds(simulated(LOOP, constant(10))) == [20.0, 13.0, 13.0, 13.0, 13.0, 10.0]


def test_tasks_run_in_waves() -> None:
    job = JobDescription("waves", 300.0, (Phase("scan", parallel_s=100.0, tasks=10),))
    # 10 tasks of 40 s on 4 cores: one executor needs three waves, two executors two.
    assert seconds(simulated(job, constant(1, job))) == [120.0]
    assert seconds(simulated(job, constant(2, job))) == [80.0]


def test_a_larger_size_helps_from_the_moment_its_executors_are_there() -> None:
    snapshot = simulated(LOOP, FixedSchedule([10, 20, 20, 20, 20, 20]))
    # A pause of 2 s and 0.1 s for each; 18 of 13 s pass at the old size, so one component does.
    assert [c.scale_out.end for c in snapshot.components] == [10, 10, 20, 20, 20, 20]
    assert seconds(snapshot)[3] == 8.0
    assert seconds(snapshot)[1] == 13.0


def test_a_smaller_size_counts_at_once() -> None:
    snapshot = simulated(LOOP, FixedSchedule([10, 5, 5, 5, 5, 5]))
    assert seconds(snapshot)[1] == 24.5
    assert [c.scale_out.start for c in snapshot.components] == [10, 5, 5, 5, 5, 5]


def test_released_executors_are_not_lost_and_cost_until_they_are_gone() -> None:
    snapshot = simulated(LOOP, FixedSchedule([10, 5, 5, 5, 5, 5]))
    gone = [span for span in snapshot.executors if span.removed_at is not None]
    assert len(gone) == 5
    assert {span.lost for span in gone} == {False}
    assert {round((s.removed_at or 0) - (s.draining_at or 0), 3) for s in gone} == {2.5}


def test_a_killed_executor_is_lost_and_replaced_and_stalls_its_component() -> None:
    snapshot = simulated(LOOP, constant(10), quiet(LOOP, kills=[KILL]))
    assert summed_up(snapshot).executors_lost == 1
    assert snapshot.components[1].disturbed
    # 5 s at ten, 8 s still, and the rest at nine.
    assert seconds(snapshot)[1] == pytest.approx(5 + 8 + (1 - 5 / 13) * (120 / 9 + 0.9), abs=0.002)
    assert snapshot.components[-1].scale_out.end == 10


def test_a_smaller_request_cancels_executors_that_have_not_started() -> None:
    snapshot = simulated(LOOP, FixedSchedule([10, 20, 10, 10, 10, 10]))
    assert len(snapshot.executors) == 10
    assert summed_up(snapshot).rescales == 2


def test_missing_cache_slows_components_down_by_its_share() -> None:
    assert seconds(simulated(CACHED, constant(5, CACHED)))[1:] == [24 + 50] * 4
    assert seconds(simulated(CACHED, constant(10, CACHED)))[1:] == [12] * 4


def test_in_elastic_mode_new_executors_bring_their_share_of_the_cache() -> None:
    snapshot = simulated(CACHED, FixedSchedule([5, 10, 10, 10, 10]))
    assert seconds(snapshot)[2:] == [12.0] * 3


def test_in_realistic_mode_new_executors_are_of_use_after_a_whole_component() -> None:
    snapshot = simulated(CACHED, FixedSchedule([5, 10, 10, 10, 10]), mode=MODES["realistic"])
    # They come during the first iteration, are filled in the second, and help in the third.
    assert seconds(snapshot)[1:] == [74.0, 74.0, 12.0, 12.0]


def test_as_published_nothing_is_released_and_growth_hardly_helps() -> None:
    mode = replace(MODES["as-published"], reshuffles=False)
    shrunk = simulated(LOOP, FixedSchedule([10, 5, 5, 5, 5, 5]), mode=mode)
    assert all(span.removed_at is None for span in shrunk.executors)
    grown = simulated(LOOP, FixedSchedule([10, 20, 20, 20, 20, 20]), mode=mode)
    assert seconds(grown)[3] == pytest.approx(120 / 11 + 1.1, abs=0.001)


def test_as_published_growth_may_cost_a_reshuffle() -> None:
    mode = MODES["as-published"]
    snapshot = simulated(LOOP, FixedSchedule([10, 20, 20, 20, 20, 20]), mode=mode)
    waited_s = snapshot.components[1].started_at - (snapshot.components[0].finished_at or 0.0)
    assert waited_s == pytest.approx(50 + 3)


def test_as_published_a_kill_takes_cache_until_the_end() -> None:
    mode = MODES["as-published"]
    noise = quiet(CACHED, mode, kills=[replace(KILL, at_s=1.0)])
    assert seconds(simulated(CACHED, constant(10, CACHED), noise, mode))[-1] == pytest.approx(29.5)


@given(schedules, st.booleans(), st.sampled_from(sorted(MODES)))
def test_what_the_events_say_adds_up(sizes: list[int], failing: bool, mode: str) -> None:
    noise = noisy(LOOP, failing=failing)
    snapshot = simulated(LOOP, FixedSchedule(sizes), noise, MODES[mode])
    ended = summed_up(snapshot)
    assert snapshot.complete
    assert sum(c.added_s or 0.0 for c in snapshot.components) == pytest.approx(ended.runtime_s)
    assert ended.executors_lost == sum(k.at_s < (ended.runtime_s or 0.0) for k in noise.kills)
    assert all(c.scale_out.mean > 0 for c in snapshot.components)


@given(schedules, st.booleans())
def test_a_script_by_the_decision_step_is_the_script_applied_directly(
    sizes: list[int], failing: bool
) -> None:
    noise = noisy(LOOP, failing=failing)
    direct = simulated(LOOP, FixedSchedule(sizes), noise)
    decided = simulated(LOOP, PolicyController(scripted(sizes), (), 86_400.0), noise)
    assert summed_up(decided) == summed_up(direct)


def test_every_barrier_is_answered_once() -> None:
    noise = quiet(LOOP, kills=[KILL])
    snapshot = simulated(LOOP, PolicyController(scripted([10] * 7), (), 86_400.0), noise)
    # Five ends of components that others follow, and one loss.
    assert [request.epoch for request in snapshot.requests] == [1, 2, 3, 4, 5, 6]


def test_dynamic_allocation_asks_for_what_the_tasks_can_use() -> None:
    job = JobDescription(
        "queries",
        300.0,
        (Phase("start", fixed_s=5, tasks=1), Phase("scan", parallel_s=900, tasks=48)),
    )
    snapshot = simulated(job, DynamicAllocation(Bounds(2, 36), 4, first_tasks=1))
    assert snapshot.initial_executors == 2
    assert [request.executors for request in snapshot.requests] == [12]


def test_a_run_of_more_than_a_day_is_refused() -> None:
    job = JobDescription("endless", 300.0, (Phase("wait", fixed_s=90_000.0),))
    with pytest.raises(ValueError, match="longer than a day"):
        simulated(job, constant(1, job))


def test_stages_carry_the_pressure_of_missing_cache() -> None:
    short, enough = (
        simulated(CACHED, constant(size, CACHED)).components[1].stages[0].metrics
        for size in (5, 10)
    )
    assert short.gc_s / short.executor_run_s > 2 * enough.gc_s / enough.executor_run_s
    assert short.memory_spilled_bytes > enough.memory_spilled_bytes == 0
    assert (
        short.executor_cpu_s / short.executor_run_s < enough.executor_cpu_s / enough.executor_run_s
    )


def test_the_mode_is_the_only_difference_between_two_runs_without_a_change() -> None:
    noise = quiet(LOOP)
    elastic, realistic = (
        application(LOOP, noise, mode).run(constant(10))
        for mode in (ELASTIC, Mode(cold_start=True))
    )
    assert elastic == realistic
