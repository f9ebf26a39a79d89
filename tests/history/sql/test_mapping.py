"""What a past run is made of, where it is more than columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_enel.domain import Bounds, Component, PastRun, Progress, ScaleOut
from airflow_enel.history.sql import mapping
from airflow_enel.predict import BellRuntime
from tests.support.builders import samples

FIRST_EXECUTOR_S = 10.0


def past_run(
    runtime_s: float, executor_seconds: float, components: tuple[Component, ...]
) -> PastRun:
    run = samples.run()
    record = mapping.run_record(run, 1)
    outcome = samples.outcome(runtime_s=runtime_s, executor_seconds=executor_seconds)
    for column, value in mapping.outcome_values(outcome).items():
        setattr(record, column, value)
    return mapping.past_run(record, run.key.dag_id, run.job_key, components, ())


def component(
    position: int, begin_s: float, end_s: float, size: ScaleOut, added_s: float | None = None
) -> Component:
    return replace(
        samples.component(position),
        started_at=samples.NOON + begin_s,
        finished_at=samples.NOON + end_s,
        added_s=end_s - begin_s if added_s is None else added_s,
        scale_out=size,
    )


def short_run(executors: int, runtime_s: float, executor_seconds: float) -> PastRun:
    """Nobody there for 10 s, one executor for a second, then all of them."""
    mean = (1.0 + 4.0 * executors) / 5.0
    first = ScaleOut(1, executors, 0.0, mean)
    rest = ScaleOut(executors, executors, 0.0, float(executors))
    components = (
        component(0, FIRST_EXECUTOR_S, 15.0, first, added_s=15.0),
        component(1, 15.0, runtime_s - 1.0, rest),
    )
    return past_run(runtime_s, executor_seconds, components)


def test_short_runs_with_a_start_up_are_still_at_different_scale_outs() -> None:
    runs = [short_run(4, 37.0, 104.0), short_run(2, 43.0, 71.0), short_run(3, 36.0, 83.0)]
    assert [round(run.mean_executors) for run in runs] == [4, 2, 3]
    bounds = Bounds(1, 4)
    forecast = BellRuntime().fit(runs).predict(Progress.at_start(bounds), bounds)
    assert forecast is not None
    assert min(size for size in bounds.candidates if forecast.median(size) <= 40.0) == 3


def test_components_count_by_the_time_they_added() -> None:
    at_2, at_6 = ScaleOut(2, 2, 0.0, 2.0), ScaleOut(6, 6, 0.0, 6.0)
    overlapping = component(1, 0.0, 40.0, at_6, added_s=10.0)
    run = past_run(40.0, 1.0, (component(0, 0.0, 30.0, at_2), overlapping))
    assert run.mean_executors == pytest.approx(3.0)


def test_a_component_that_waited_for_the_first_executor_counts_only_alone() -> None:
    waited = component(0, 2.0, 12.0, ScaleOut(0, 4, 0.5, 2.0))
    unhindered = component(1, 12.0, 14.0, ScaleOut(4, 4, 0.0, 4.0))
    assert past_run(15.0, 1.0, (waited, unhindered)).mean_executors == 4.0
    assert past_run(15.0, 1.0, (waited,)).mean_executors == 2.0


@pytest.mark.parametrize(
    "components",
    [
        (),
        (component(0, 0.0, 0.0, ScaleOut(4, 4, 0.0, 4.0)),),
        (replace(samples.component(), added_s=None),),
        (component(0, 0.0, 9.0, ScaleOut(0, 0, 0.0, 0.0)),),
    ],
    ids=["none", "no time", "unknown time", "no executors"],
)
def test_without_components_to_go_by_it_is_the_mean_over_the_whole_run(
    components: tuple[Component, ...],
) -> None:
    assert past_run(100.0, 550.0, components).mean_executors == 5.5
