from __future__ import annotations

from airflow_enel.simulation.figures import (
    Figure,
    RunFigures,
    SeriesFigures,
    as_json,
    compare,
)


def run(number: int, violation_s: float = 0.0, executor_seconds: float = 600.0) -> RunFigures:
    return RunFigures(number, False, 100.0 + violation_s, violation_s, executor_seconds, 4, 1, 0)


def series(
    policy: str, campaign: int, *violations_s: float, job: str = "a", cost: float = 600.0
) -> SeriesFigures:
    runs = tuple(run(number, late, cost) for number, late in enumerate(violations_s, 1))
    return SeriesFigures(policy, job, campaign, 100.0, 1, runs)


def test_profiled_runs_do_not_count() -> None:
    (found,) = compare([series("bell", 0, 90.0, 30.0, 0.0)]).policies
    assert found.all_jobs["violations"].mean == 1
    assert found.all_jobs["violation_minutes"].mean == 0.5
    assert found.all_jobs["executor_minutes_per_run"].mean == 10.0


def test_figures_are_means_over_campaigns_with_their_standard_error() -> None:
    (found,) = compare(
        [series("bell", 0, 0.0, 1.0, 1.0), series("bell", 1, 0.0, 0.0, 0.0)]
    ).policies
    assert found.all_jobs["violations"] == Figure(1.0, 1.0)
    assert compare([series("bell", 0, 0.0, 1.0)]).policies[0].all_jobs["violations"] == Figure(
        1.0, None
    )


def test_violations_of_all_jobs_are_counted_together_and_apart() -> None:
    found = compare([series("bell", 0, 0.0, 1.0), series("bell", 0, 0.0, 1.0, 1.0, job="b")])
    assert found.policies[0].all_jobs["violations"].mean == 3
    assert {job: f["violations"].mean for job, f in found.policies[0].by_job.items()} == {
        "a": 1,
        "b": 2,
    }


def test_differences_to_the_best_baseline_are_taken_campaign_by_campaign() -> None:
    found = compare(
        [
            series("oracle", 0, 0.0, 0.0, 0.0),
            series("bell", 0, 0.0, 1.0, 1.0),
            series("static-maximum", 0, 0.0, 1.0, 0.0),
            series("oracle", 1, 0.0, 1.0, 0.0),
            series("bell", 1, 0.0, 1.0, 1.0),
            series("static-maximum", 1, 0.0, 1.0, 1.0),
        ]
    )
    assert found.baseline == "static-maximum"
    over = {p.policy: p.over_baseline for p in found.policies}
    assert over["static-maximum"] is None
    assert over["oracle"] is not None
    assert over["oracle"]["violations"] == Figure(-1.0, 0.0)


def test_of_equally_good_baselines_the_cheapest_is_the_best() -> None:
    found = compare([series("bell", 0, 0.0, 1.0), series("ellis", 0, 0.0, 1.0, cost=300.0)])
    assert found.baseline == "ellis"


def test_without_a_baseline_nothing_is_compared() -> None:
    found = compare([series("oracle", 0, 0.0, 1.0)])
    assert (found.baseline, found.policies[0].over_baseline) == (None, None)


def test_programs_get_every_figure_with_its_error_for_each_policy_and_job() -> None:
    found = as_json(compare([series("bell", 0, 0.0, 1.0), series("bell", 1, 0.0, 0.0)]))
    bell = found["policies"]["bell"]
    names = {
        "violations",
        "violation_minutes",
        "executor_minutes_per_run",
        "rescales_per_run",
        "reversals_per_run",
    }
    assert names < bell.keys()
    assert bell["standard_errors"].keys() == names
    assert bell["jobs"]["a"] == {name: bell[name] for name in (*names, "standard_errors")}
