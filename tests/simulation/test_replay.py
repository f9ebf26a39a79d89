from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from airflow_enel.control.policies import Policy, PolicyContext
from airflow_enel.domain import IMPORTED, Bounds, PastRun, Proposal, RecordedRun
from airflow_enel.simulation.figures import (
    RunFigures,
    executor_minutes_per_run,
    violation_minutes,
    violations,
)
from airflow_enel.simulation.job_file import find_job
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.protocol import Protocol
from airflow_enel.simulation.replay import (
    AS_IT_WAS,
    CannotReplay,
    Replay,
    ReplayPlan,
    recorded_figures,
    replays,
    usable_runs,
)
from airflow_enel.simulation.replay_report import as_json, report
from airflow_enel.simulation.series import SeriesPlan
from tests.support.builders.past_runs import past_run
from tests.support.builders.recorded_runs import recorded, recorded_series, runs_of_sizes

HEALTHY = Protocol(runs=40, profiling=10, failing=())
SIZES = (2, 4, 8, 4, 2, 8)


def plan(policies: tuple[str, ...], runs: tuple[RecordedRun, ...], **changes: object) -> ReplayPlan:
    made = ReplayPlan(runs, policies, samples=0)
    return replace(made, **changes)  # type: ignore[arg-type]


def replayed(policy: str, runs: tuple[RecordedRun, ...], **changes: object) -> Replay:
    return list(replays(plan((policy,), runs, **changes)))[1]


def runtimes(runs: tuple[RunFigures, ...]) -> list[float]:
    return [run.runtime_s for run in runs]


@cache
def history(job: str, policy: str) -> tuple[RecordedRun, ...]:
    """A simulated series; all policies meet the same noise, and the same profiled runs."""
    return recorded_series(SeriesPlan(find_job(job), MODES["realistic"], policy, 5, 0, HEALTHY))


def truth(job: str, policy: str) -> list[RunFigures]:
    """What a policy does on the noise of the history of another."""
    return [
        RunFigures.of(number, run.run.initial_executors, run.outcome, failing=False)
        for number, run in enumerate(history(job, policy), 1)
    ][HEALTHY.profiling :]


@pytest.mark.parametrize("job", ["LR", "ETL"])
def test_the_policy_that_was_does_again_what_it_did(job: str) -> None:
    runs = history(job, "bell")
    whole = plan(("bell",), runs)
    recorded_again, bell = replays(whole)
    assert recorded_again.policy == AS_IT_WAS
    for again in (recorded_again, bell):
        assert runtimes(again.runs) == pytest.approx(
            runtimes(recorded_figures(whole)), rel=1e-4, abs=0.05
        )
        assert executor_minutes_per_run(again.runs) == pytest.approx(
            executor_minutes_per_run(recorded_figures(whole)), rel=1e-3
        )


@pytest.mark.parametrize(
    ("job", "was", "other", "missed", "cost"),
    [
        ("LR", "bell", "static-maximum", 2, 0.05),
        ("LR", "bell", "ellis", 2, 0.05),
        ("MPC", "bell", "static-maximum", 2, 0.08),
        ("MPC", "ellis", "bell", 3, 0.08),
    ],
)
def test_another_policy_comes_out_as_it_does_on_the_same_noise(
    job: str, was: str, other: str, missed: int, cost: float
) -> None:
    """Tolerances: missed runs, of 30, and a share of the executor-seconds."""
    counterfactual = replayed(other, history(job, was))
    really = truth(job, other)
    assert violations(counterfactual.runs) == pytest.approx(violations(really), abs=missed)
    assert executor_minutes_per_run(counterfactual.runs) == pytest.approx(
        executor_minutes_per_run(really), rel=cost
    )


def test_what_made_a_run_slow_stays_with_it_at_another_size() -> None:
    slow = past_run(7, 4, [40.0] * 5)  # twice as slow as others at 4
    runs = (*runs_of_sizes(SIZES), recorded(slow))
    largest = replayed("static-maximum", runs, replayed=1)
    assert runtimes(largest.runs) == pytest.approx([5 * 2 * (5 + 60 / 8) + 2], rel=0.05)


def test_the_time_after_the_last_component_passes_at_every_size() -> None:
    runs = (*runs_of_sizes(SIZES), recorded(past_run(7, 4, tail_s=100.0)))
    largest = replayed("static-maximum", runs, replayed=1)
    assert runtimes(largest.runs) == pytest.approx([5 * (5 + 60 / 8) + 100], rel=0.03)
    assert largest.runs[0].executor_seconds == pytest.approx(8 * largest.runs[0].runtime_s)


SEEN: list[tuple[PastRun, ...]] = []
FINISHED: set[tuple[str, int]] = set()


def _largest(context: PolicyContext) -> Proposal:
    if context.start is not None:
        SEEN.append(context.start.past_runs)
    FINISHED.update((c.key, c.occurrence) for c in context.progress.finished)
    return Proposal(context.bounds.maximum, "always")


SPY = Policy("spy", _largest)


@pytest.fixture
def spied() -> None:
    SEEN.clear()
    FINISHED.clear()


@pytest.mark.usefixtures("spied")
def test_a_policy_learns_from_what_was_before_and_then_from_itself() -> None:
    replayed("tests.simulation.test_replay:SPY", runs_of_sizes(SIZES))
    assert [[run.initial_executors for run in past] for past in SEEN] == [
        [2, 4, 8],
        [2, 4, 8, 8],
        [2, 4, 8, 8, 8],
    ]
    assert SEEN[-1][0] == runs_of_sizes(SIZES)[0].past


@pytest.mark.usefixtures("spied")
def test_components_have_the_names_that_they_have_in_the_history() -> None:
    runs = runs_of_sizes(SIZES)
    replayed("tests.simulation.test_replay:SPY", runs)
    assert {(c.key, c.occurrence) for c in runs[0].components[:-1]} == FINISHED
    assert {(c.key, c.occurrence) for c in SEEN[-1][-1].components} == FINISHED | {("save", 0)}


def test_targets_are_those_of_the_runs_unless_one_is_given() -> None:
    runs = runs_of_sizes(SIZES)
    later = tuple(
        replace(run, run=replace(run.run, runtime_target_s=target))
        for run, target in zip(runs, (None, 10.0, 20.0, 30.0, None, 40.0), strict=True)
    )
    assert plan(("bell",), later).targets() == (40.0, 10.0, 20.0, 30.0, 40.0, 40.0)
    assert plan(("bell",), later, target_s=5.0).targets() == (5.0,) * 6
    late = recorded_figures(plan(("bell",), later, target_s=50.0, replayed=1))
    assert [run.violation_s for run in late] == pytest.approx([5 * (5 + 60 / 8) + 2 - 50], abs=15)


def test_bounds_are_those_that_runs_were_allowed_or_had_if_they_are_imported() -> None:
    runs = runs_of_sizes(SIZES)
    assert plan(("bell",), runs).allowed() == Bounds(1, 8)
    foreign = runs_of_sizes(SIZES, policy=IMPORTED)
    assert plan(("bell",), foreign).allowed() == Bounds(2, 8)
    assert plan(("bell",), foreign, bounds=Bounds(1, 36)).allowed() == Bounds(1, 36)


def test_the_latest_runs_are_replayed_after_those_that_are_only_learned_from() -> None:
    runs = runs_of_sizes(SIZES * 4)
    assert [run.number for run in recorded_figures(plan(("bell",), runs))] == list(range(11, 25))
    assert [run.number for run in recorded_figures(plan(("bell",), runs, replayed=2))] == [23, 24]


def test_shares_of_sizes_that_no_run_had_are_counted() -> None:
    runs = runs_of_sizes(SIZES)
    tried = replayed("static-maximum", runs)
    between = replayed("static-maximum", runs, bounds=Bounds(1, 6))
    beyond = replayed("static-maximum", runs, bounds=Bounds(1, 16))
    assert (tried.untried_share, tried.beyond_share) == (0.0, 0.0)
    assert (between.untried_share, between.beyond_share) == (1.0, 0.0)
    assert (beyond.untried_share, beyond.beyond_share) == (1.0, 1.0)


def test_intervals_are_wide_where_the_curves_are_guessed() -> None:
    runs = history("MPC", "bell")[:24]
    far = replace(plan(("bell", "static-maximum"), runs), bounds=Bounds(4, 36), samples=6)
    found = as_json(report(far, replays(far)))["policies"]
    (low, high), (far_low, far_high) = (
        found[policy]["intervals"]["executor_minutes_per_run"] for policy in far.policies
    )
    assert low <= found["bell"]["executor_minutes_per_run"] <= high
    assert far_high - far_low > 5 * (high - low)


def test_the_same_seed_gives_the_same_report() -> None:
    whole = plan(("bell",), runs_of_sizes(SIZES * 2), samples=3)
    first, second = (as_json(report(whole, replays(whole))) for _ in range(2))
    assert first == second


def test_what_the_runs_cannot_tell_is_said() -> None:
    runs = (*runs_of_sizes(SIZES), recorded(past_run(7, 4), lost=2))
    whole = plan(("static-maximum",), runs, bounds=Bounds(1, 16))
    few, untried, lost, always = report(whole, replays(whole)).limits
    assert few.startswith("The curves rest on 7 runs.")
    assert untried.startswith("static-maximum spends 100% of its executor-seconds at sizes")
    assert "(tried: 2, 4, 8)" in untried
    assert lost.startswith("1 of the runs lost executors.")
    assert always.startswith("Intervals tell how far the curves may be off.")


def test_a_sample_that_is_not_complete_is_left_out() -> None:
    whole = plan(("bell", "static-maximum"), runs_of_sizes(SIZES), samples=3)
    done = list(replays(whole))[: 1 + 2 + 2 + 1]
    assert report(whole, done).samples == 1


def test_the_oracle_is_in_time_wherever_a_policy_is() -> None:
    runs = history("LR", "bell")
    oracle, bell = (replayed(policy, runs) for policy in ("oracle", "bell"))
    assert violations(oracle.runs) < violations(bell.runs)
    assert violation_minutes(oracle.runs) < violation_minutes(bell.runs)


@pytest.mark.parametrize(
    ("runs", "complaint"),
    [
        ((), "there are no runs, but at least 2 are needed"),
        (runs_of_sizes([4]), "there is only one run, but at least 2"),
        (runs_of_sizes([4, 4, 4]), "all 3 runs had 4 executors.*run the job at another size"),
        ((recorded(past_run(1, 4, [], [])),) * 2, "no run has components"),
    ],
)
def test_runs_that_tell_nothing_of_other_sizes_are_refused(
    runs: tuple[RecordedRun, ...], complaint: str
) -> None:
    with pytest.raises(CannotReplay, match=complaint):
        usable_runs(runs)


def test_runs_without_components_are_left_out() -> None:
    runs = runs_of_sizes(SIZES)
    assert usable_runs((recorded(past_run(9, 4, [], [])), *runs)) == runs


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"policies": ("no-such",)}, "no policy 'no-such'"),
        ({"policies": ()}, "at least one policy"),
        ({"policies": ("spark-dynamic-allocation",)}, "cannot be replayed"),
        ({"replayed": 0}, "--runs must be at least 1"),
        ({"samples": -1}, "--samples must not be negative"),
        ({"runs": runs_of_sizes(SIZES, runtime_target_s=None)}, "give one by --target"),
    ],
)
def test_plans_that_cannot_be_replayed_are_refused(
    changes: dict[str, object], complaint: str
) -> None:
    good = plan(("bell",), runs_of_sizes(SIZES))
    with pytest.raises(CannotReplay, match=complaint):
        replace(good, **changes)  # type: ignore[arg-type]
