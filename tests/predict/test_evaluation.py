from dataclasses import replace

import pytest

from airflow_enel.domain import Component, Forecast, JobRuns, PastRun, ScaleOut
from airflow_enel.domain.context import RunContext
from airflow_enel.predict.evaluation import summarise, walk_forward, warm_up_of
from tests.support.builders.predictions import prediction


class Oracle:
    """Says the same for every run and remembers what it was asked."""

    name = "oracle"

    def __init__(self, seconds: float | None = 60.0) -> None:
        self.seconds, self.fitted, self.asked = seconds, [], []

    def fit(self, past_runs):
        self.fitted.append([run.run_id for run in past_runs])
        return self

    def predict(self, progress, bounds):
        self.asked.append((progress, bounds))
        if self.seconds is None:
            return None
        return Forecast(self.name, bounds.candidates, (self.seconds,), (0.1,))


def run_of(number: int, parts: list[tuple[float, float, int]], tail_s: float = 5.0) -> PastRun:
    """A run of components (start, finish, executors), seconds after its own start."""
    begun = 1000.0 * number
    components, latest = [], 0.0
    for position, (start, finish, size) in enumerate(parts):
        added_s = max(finish - latest, 0.0)
        latest = max(latest, finish)
        scale_out = ScaleOut(size, size, 0.0, float(size))
        components.append(
            Component(
                position,
                f"part {position}",
                0,
                position,
                begun + start,
                begun + finish,
                True,
                added_s,
                scale_out,
                False,
                (),
            )
        )
    return PastRun(str(number), begun, latest + tail_s, 4.0, 4, tuple(components))


THREE = [(0.0, 10.0, 4), (10.0, 40.0, 4), (40.0, 50.0, 8)]


def predictions(oracle: Oracle, runs: list[PastRun], warm_up: int | None = 1):
    made = walk_forward(JobRuns("job", tuple(runs)), [lambda: oracle], warm_up)
    return [p for of_run in made for p in of_run]


def test_a_run_is_forecast_before_it_starts_and_after_every_component_but_the_last():
    found = predictions(Oracle(), [run_of(0, THREE), run_of(1, THREE)])
    assert [(p.moment, p.actual_s) for p in found] == [
        ("start", 55.0),
        ("running", 45.0),
        ("running", 15.0),
    ]


def test_only_earlier_runs_are_learned_from_whatever_the_order_they_come_in():
    oracle = Oracle()
    predictions(oracle, [run_of(n, THREE) for n in (2, 0, 1)])
    assert oracle.fitted == [["0"], ["0", "1"]]


def test_the_scale_out_asked_for_is_what_the_rest_really_had():
    found = predictions(Oracle(), [run_of(0, THREE), run_of(1, THREE)])
    assert [p.executors for p in found] == [5, 5, 8]  # 4.8 at the start, then (30·4 + 10·8) / 40


def test_only_the_moments_that_are_chosen_are_forecast():
    oracle, job = Oracle(), JobRuns("job", (run_of(0, THREE), run_of(1, THREE)))
    ((first, last),) = walk_forward(job, [lambda: oracle], 1, lambda count: (0, count - 1))
    assert [len(progress.finished) for progress, _ in oracle.asked] == [0, 2]
    assert (first.actual_s, last.actual_s) == (55.0, 15.0)


def test_nothing_of_the_future_is_told():
    oracle = Oracle()
    predictions(oracle, [run_of(0, THREE), run_of(1, THREE)])
    progress = oracle.asked[1][0]
    assert [c.position for c in progress.finished] == [0]
    assert progress.running is None
    assert (progress.elapsed_s, progress.executors) == (10.0, 4)


def test_an_overlapping_component_is_known_to_run():
    parts = [(0.0, 10.0, 4), (5.0, 40.0, 4), (2.0, 50.0, 4)]
    oracle = Oracle()
    predictions(oracle, [run_of(0, parts), run_of(1, parts)])
    assert oracle.asked[1][0].running.position == 2


@pytest.mark.parametrize(("runs", "warm_up"), [(65, 10), (20, 10), (12, 6), (3, 1), (1, 1)])
def test_ten_runs_warm_up_or_half_of_few(runs, warm_up):
    assert warm_up_of(runs) == warm_up


def test_runs_without_components_or_without_a_forecast_are_passed_over():
    empty = replace(run_of(1, THREE), components=())
    assert predictions(Oracle(), [run_of(0, THREE), empty]) == []
    assert predictions(Oracle(None), [run_of(0, THREE), run_of(1, THREE)]) == []


def test_figures_are_what_they_say():
    pairs = [(100, 110), (100, 70), (50, 50)]
    (normal, everything) = summarise([prediction(a, p) for a, p in pairs])
    assert normal.mape_percent == pytest.approx(40 / 3, abs=1e-3)
    assert normal.median_ape_percent == pytest.approx(10)
    assert normal.bias_percent == pytest.approx(-20 / 3, abs=1e-3)
    assert normal.error_of_total_percent == pytest.approx(20 / 3, abs=1e-3)
    assert normal.coverage_80_percent == pytest.approx(200 / 3, abs=1e-3)
    assert (normal.runs, everything.runs, normal.predictions) == ("normal", "all", 3)


def test_runs_with_failures_count_among_all_only():
    scores = summarise([prediction(100, 110), prediction(100, 300, normal=False)])
    assert {s.runs: s.predictions for s in scores} == {"normal": 1, "all": 2}


def test_the_best_comes_first_within_job_moment_and_runs():
    made = [
        prediction(100, 130, forecaster="worse"),
        prediction(100, 110, forecaster="better"),
        prediction(100, 150, moment="start"),
        prediction(100, 150, job="another"),
    ]
    order = [(s.job, s.moment, s.runs, s.forecaster) for s in summarise(made) if s.runs == "all"]
    assert order == [
        ("another", "running", "all", "a"),
        ("job", "start", "all", "a"),
        ("job", "running", "all", "better"),
        ("job", "running", "all", "worse"),
    ]


def test_forecasts_know_the_context_of_the_run():
    context = RunContext((("input_mib", 7),))
    runs = [replace(run_of(n, [(0, 9, 4), (9, 20, 4)]), context=context) for n in range(2)]
    oracle = Oracle()
    list(walk_forward(JobRuns("job", tuple(runs)), [lambda: oracle], 1))
    assert [progress.context for progress, _ in oracle.asked] == [context, context]
