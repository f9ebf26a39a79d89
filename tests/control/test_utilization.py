"""Rules of the policy ``utilization``, on components that last as long as their tasks say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.control.policies import PolicyContext, StartContext, find_policy
from airflow_enel.control.policies.stage_times import ComponentModel
from airflow_enel.control.policies.utilization import TOLERANCE, repeating_components
from airflow_enel.domain import Bounds, Component, Progress, Proposal, ScaleOut, TaskDigest
from tests.support.builders.past_runs import component, past_run, runs_of
from tests.support.builders.snapshots import request
from tests.support.builders.staged_runs import stage

BOUNDS = Bounds(1, 24)
CORES = 2
UTILIZATION = find_policy("utilization")


@dataclass(frozen=True)
class Kind:
    """A component that repeats: digests of a chain of stages, and seconds of the driver."""

    key: str
    digests: tuple[TaskDigest, ...]
    driver_s: float = 0.0

    def on(self, executors: int, position: int = 0, occurrence: int = 0) -> Component:
        """The component, finished, on so many executors of two cores."""
        stages = tuple(
            replace(
                stage(10 * position + number, (10 * position + number - 1,) if number else ()),
                tasks=digest.count,
                digest=digest,
            )
            for number, digest in enumerate(self.digests)
        )
        made = replace(
            component(position, self.key, occurrence, executors=executors), stages=stages
        )
        seconds = self.seconds(made, executors) + self.driver_s
        size = ScaleOut(executors, executors, 0.0, float(executors))
        return replace(made, finished_at=made.started_at + seconds, added_s=seconds, scale_out=size)

    def seconds(self, made: Component, executors: int) -> float:
        model = ComponentModel.of(made, CORES)
        assert model is not None
        return model.stages_s(CORES * executors)

    def stages_s(self, executors: int) -> float:
        return self.seconds(self.on(executors), executors)


def tasks(*seconds: float) -> TaskDigest:
    ordered = sorted(seconds)
    return TaskDigest(len(ordered), sum(ordered), ordered[len(ordered) // 2], ordered[-1])


def even(key: str, count: int, seconds: float = 1.0, driver_s: float = 0.0) -> Kind:
    return Kind(key, (tasks(*[seconds] * count),), driver_s)


def at_barrier(
    kinds: Sequence[Kind], sizes: Sequence[int], initial: int, following: Kind | None
) -> Progress:
    """After components of these kinds, each on the size that was decided before it."""
    finished: list[Component] = []
    for position, (kind, size) in enumerate(zip(kinds, sizes, strict=True)):
        occurrence = sum(c.key == kind.key for c in finished)
        finished.append(kind.on(size, position, occurrence))
    now = sizes[-1]
    running = None if following is None else runs_of(following.on(now, len(finished)))
    return Progress(
        elapsed_s=100.0,
        finished=tuple(finished),
        running=running,
        executors=now,
        requested=now,
        lost=0,
        epoch=len(finished),
        requests=tuple(request(size, n + 1, float(n)) for n, size in enumerate(sizes[1:])),
        age_s=0.0,
        complete=True,
        slots=CORES * now,
        initial=initial,
    )


def proposed(progress: Progress, bounds: Bounds = BOUNDS) -> Proposal:
    return UTILIZATION.propose(PolicyContext(None, None, progress, bounds))


def sizes_of_run(kinds: Sequence[Kind], initial: int, bounds: Bounds = BOUNDS) -> list[int]:
    """The sizes at which the components of a run take place, every request fulfilled at once."""
    sizes = [initial]
    for count in range(1, len(kinds)):
        progress = at_barrier(kinds[:count], sizes, initial, kinds[count])
        sizes.append(proposed(progress, bounds).executors)
    return sizes


durations = st.lists(st.floats(0.01, 100), min_size=1, max_size=80).map(lambda s: tasks(*s))
iterations = st.builds(
    Kind,
    st.sampled_from(["load", "step", "merge"]),
    st.lists(durations, min_size=1, max_size=3).map(tuple),
    st.floats(0, 50),
)
bounds_ = st.builds(
    lambda low, more: Bounds(low, low + more), st.integers(1, 8), st.integers(0, 40)
)


class TestStart:
    def start(self, past_runs=(), given_executors=None):
        start = StartContext(tuple(past_runs), given_executors)
        context = PolicyContext(None, None, Progress.at_start(BOUNDS), BOUNDS, start)
        return UTILIZATION.propose(context).executors

    def test_is_the_size_with_which_the_latest_run_ended(self):
        latest = past_run(1, 8)
        *first, last = latest.components
        ended = replace(last, scale_out=ScaleOut(8, 5, 0.1, 7.0))
        runs = [past_run(0, 12), replace(latest, components=(*first, ended))]
        assert self.start(runs, given_executors=3) == 5

    def test_is_the_initial_size_of_a_run_without_components(self):
        assert self.start([replace(past_run(0, 7), components=())]) == 7

    def test_without_history_it_is_the_given_one_else_the_largest(self):
        assert self.start(given_executors=6) == 6
        assert self.start() == BOUNDS.maximum

    def test_stays_within_the_bounds(self):
        assert self.start([past_run(0, 90)]) == BOUNDS.maximum
        assert self.start(given_executors=90) == BOUNDS.maximum


class TestRepeating:
    load, step, merge = (even(key, 4) for key in ("load", "step", "merge"))

    def keys(self, kinds, following):
        progress = at_barrier(kinds, [4] * len(kinds), 4, following)
        return [c.key for c in repeating_components(progress)]

    def test_an_iteration_repeats_the_one_before(self):
        assert self.keys([self.load, self.step, self.step], self.step) == ["step"]

    def test_kinds_by_turns_repeat_together(self):
        kinds = [self.load, self.step, self.merge, self.step]
        assert self.keys(kinds, self.merge) == ["merge", "step"]

    def test_a_component_of_a_new_kind_repeats_nothing(self):
        assert self.keys([self.load], self.step) == []

    def test_without_a_running_one_the_next_is_what_followed_the_last_time(self):
        kinds = [self.load, self.step, self.merge, self.step]
        assert self.keys(kinds, None) == ["merge", "step"]
        assert self.keys([self.load, self.step], None) == []


class TestBarrier:
    def test_grows_by_half_while_tasks_wait_for_slots(self):
        assert sizes_of_run([even("step", 480)] * 6, 4) == [4, 6, 9, 13, 19, 24]

    def test_from_one_executor_it_grows_by_one(self):
        assert sizes_of_run([even("step", 480)] * 4, 1) == [1, 2, 3, 4]

    def test_does_not_grow_for_one_long_task(self):
        skewed = Kind("step", (tasks(*[1.0] * 15, 30.0),))
        assert proposed(at_barrier([skewed], [4], 4, skewed)).executors <= 4

    def test_does_not_grow_where_the_driver_takes_the_time(self):
        assert sizes_of_run([even("step", 480, 0.01, driver_s=60.0)] * 3, 4) == [4, 4, 4]

    def test_releases_executors_without_a_task(self):
        assert sizes_of_run([even("step", 12)] * 3, 20) == [20, 6, 6]

    def test_does_not_grow_again_after_a_release_by_the_same_statistics(self):
        """On 49 executors a few more are just worth it; on 50, from which it came, they are not."""
        digests = TaskDigest(1, 0.97, 0.97, 0.97), TaskDigest(10**6, 100.0, 1e-4, 1e-4)
        sizes = sizes_of_run([Kind("step", digests)] * 4, 50, Bounds(1, 75))
        assert sizes == [50, 49, 49, 49]

    def test_keeps_what_the_busiest_of_the_repeating_components_needs(self):
        kinds = [even("step", 40), even("merge", 4)] * 3
        assert sizes_of_run(kinds, 20) == [20] * 6

    def test_released_executors_come_back_for_a_component_that_needs_them(self):
        small, large = even("step", 4), even("step", 40)
        kinds = [small, small, large, large, large, large]
        assert sizes_of_run(kinds, 20) == [20, 2, 2, 3, 4, 6]

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"executors": 3}, "not come yet"),
            ({"slots": 0}, "not come yet"),
            ({"running": runs_of(component(9, "new"))}, "no component like the next"),
        ],
    )
    def test_keeps_the_size_where_it_knows_too_little(self, changes, reason):
        surplus = at_barrier([even("step", 2)], [4], 4, even("step", 2))
        assert proposed(surplus).executors == 1
        proposal = proposed(replace(surplus, **changes))
        assert proposal.executors == 4
        assert reason in proposal.reason

    @pytest.mark.parametrize(
        "changes",
        [
            {"succeeded": False},
            {"stages": ()},
            {"stages": (replace(stage(1), digest=None),)},
            {"stages": (replace(stage(1), digest=tasks(1.0), failure="fetch failed"),)},
        ],
        ids=["failed", "no stages", "no digest", "failed stage"],
    )
    def test_keeps_the_size_after_a_component_that_says_nothing_of_tasks(self, changes):
        progress = at_barrier([even("step", 2)], [4], 4, even("step", 2))
        finished = replace(progress.finished[0], **changes)
        proposal = proposed(replace(progress, finished=(finished,)))
        assert proposal == Proposal(4, "the durations of some tasks are not known")

    def test_says_what_the_tasks_take(self):
        grown = proposed(at_barrier([even("step", 48)], [8], 8, even("step", 48)))
        assert grown.reason == "all slots are busy: 3 s on 8, 2 s on 12 for what repeats"


class TestEveryRun:
    @given(st.lists(iterations, min_size=1, max_size=6), st.integers(1, 60), bounds_)
    def test_stays_within_the_bounds_and_never_more_than_halves_again(self, kinds, size, bounds):
        now = bounds.clamp(size)
        sizes = sizes_of_run(kinds * 2, now, bounds)
        assert all(size in bounds.candidates for size in sizes)
        for before, after in pairwise(sizes):
            assert after <= max(1.5 * before, before + 1)

    @given(iterations, st.integers(1, 24))
    def test_identical_components_grow_at_first_then_shrink_and_then_stay(self, kind, initial):
        sizes = sizes_of_run([kind] * 14, initial)
        peak = sizes.index(max(sizes))
        assert sizes[: peak + 1] == sorted(sizes[: peak + 1])
        assert len(set(sizes[peak:])) <= 2
        assert sizes[peak:] == sorted(sizes[peak:], reverse=True)

    @given(st.lists(iterations, min_size=1, max_size=4), st.integers(1, 24))
    def test_tolerances_of_many_barriers_do_not_add_up(self, kinds, initial):
        """However often executors are released, against the size that the run began with."""
        run = kinds[:1] * 2 + kinds * 3
        sizes = sizes_of_run(run, initial)
        for position in range(1, len(run)):
            before, after = sizes[position - 1], sizes[position]
            if after < before:
                progress = at_barrier(run[:position], sizes[:position], initial, run[position])
                repeating = {c.key: c for c in repeating_components(progress)}
                for made in repeating.values():
                    model = ComponentModel.of(made, CORES)
                    allowed_s = (1 + TOLERANCE) * model.stages_s(CORES * initial)
                    assert model.stages_s(CORES * after) <= allowed_s * (1 + 1e-9)

    @given(st.lists(iterations, min_size=1, max_size=5), st.integers(1, 24))
    def test_the_same_reading_gives_the_same_proposal(self, kinds, size):
        made = [at_barrier(kinds, [size] * len(kinds), size, kinds[-1]) for _ in range(2)]
        assert proposed(made[0]) == proposed(made[1])


class TestComponentModel:
    def seconds(self, slots, *digests, parents=None):
        stages = tuple(
            replace(stage(n, parents=(parents or {}).get(n, ())), tasks=d.count, digest=d)
            for n, d in enumerate(digests)
        )
        model = ComponentModel.of(replace(component(0, "step"), stages=stages), 1.0)
        return model.stages_s(slots)

    def test_a_stage_takes_its_waves(self):
        assert self.seconds(4, tasks(*[2.0] * 9)) == 6.0

    def test_a_stage_takes_no_less_than_its_largest_task(self):
        assert self.seconds(100, tasks(1.0, 1.0, 1.0, 7.0)) == 7.0

    def test_a_stage_takes_no_less_than_all_tasks_on_all_slots(self):
        assert self.seconds(2, tasks(1.0, 1.0, 1.0, 4.0, 4.0)) == 5.5

    def test_stages_follow_their_parents(self):
        assert self.seconds(4, tasks(1.0), tasks(2.0), parents={1: (0,)}) == 3.0

    def test_stages_side_by_side_share_the_slots(self):
        first, second = tasks(*[1.0] * 4), tasks(*[1.0] * 4)
        assert self.seconds(8, first, second) == 1.0
        assert self.seconds(4, first, second) == 2.0

    def test_what_the_driver_took_besides_is_kept_apart(self):
        made = even("step", 8, 1.0, driver_s=3.0).on(2)
        assert ComponentModel.of(made, CORES).other_s == pytest.approx(3.0)
