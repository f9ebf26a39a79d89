"""How well runs of published traces are foreseen, and what a forecast costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from airflow_enel.domain import Bounds, PastRun, Progress
from airflow_enel.predict import BellRuntime, Conditional, Ellis, Forecaster
from airflow_enel.predict.evaluation import Prediction, Score, Series, summarise, walk_forward
from airflow_enel.spark.traces import read_trace
from benchmarks.figures import Figure

TRACES = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces"
"""Published runs, beside the project on machines of its developers; not part of it."""

_MAKERS: tuple[Callable[[], Forecaster], ...] = (BellRuntime, Ellis, Conditional)
_AIMS = {
    ("LogisticRegression", "running"): "≤ 17.5",
    ("GradientBoostedTrees", "running"): "≤ 11.5",
    ("LogisticRegression", "start"): "≤ 13",
    ("GradientBoostedTrees", "start"): "≤ 7",
}
_JUDGED = "conditional"
_REPEATS = 15


def measure() -> Iterable[Figure]:
    """Walk-forward errors on runs without failures; minimum and maximum are those of runs."""
    files = sorted(TRACES.glob("ellis-*.csv"))
    if not files:
        print("  left out: the published traces are absent", file=sys.stderr)
    for file in files:
        for trace in read_trace(file):
            series = Series(trace.job, trace.runs, trace.failed)
            made = [p for of_run in walk_forward(series, _MAKERS) for p in of_run]
            for score in summarise(made):
                if score.runs == "normal":
                    yield from _figures(score, made)
            yield from _costs(trace.job, trace.runs)


def _figures(score: Score, made: list[Prediction]) -> Iterable[Figure]:
    name = f"{score.job}, {score.forecaster}, {score.moment}"
    judged = score.forecaster == _JUDGED
    of_runs: dict[str, list[float]] = {}
    for p in made:
        if p.normal and (p.forecaster, p.moment) == (score.forecaster, score.moment):
            error = 100 * abs(p.predicted_s / p.actual_s - 1)
            of_runs.setdefault(p.run_id, []).append(error)
    errors = [sum(found) / len(found) for found in of_runs.values()]
    aim = _AIMS.get((score.job, score.moment), "") if judged else ""
    runs = len(errors)
    yield Figure(f"{name}: MAPE", "%", score.mape_percent, min(errors), max(errors), runs, aim)
    bias, coverage = score.bias_percent, score.coverage_80_percent
    yield Figure(f"{name}: bias", "%", bias, bias, bias, runs, "-3 … 3" if judged else "")
    # Forecasts of one run fail together, so the runs are what is counted.
    band = 196 * (0.8 * 0.2 / runs) ** 0.5
    aim = f"{80 - band:.0f} … {80 + band:.0f}" if judged else ""
    yield Figure(f"{name}: 80 % interval", "%", coverage, coverage, coverage, runs, aim)


def _costs(job: str, runs: tuple[PastRun, ...]) -> Iterable[Figure]:
    fitted = Conditional().fit(runs)
    fits = [_timed_ms(lambda: fitted.fit(runs)) for _ in range(_REPEATS)]
    yield Figure.of(f"{job}, conditional: fit on {len(runs)} runs", "ms", fits, "≤ 30")
    bounds, last = Bounds(4, 36), runs[-1]
    elapsed_s = last.components[0].added_s or 0.0
    executors = last.components[0].scale_out.end
    progress = Progress(
        elapsed_s, last.components[:1], None, executors, executors, 0, 1, (), 0.0, True
    )
    fitted.predict(progress, bounds)
    sweeps = [_timed_ms(lambda: fitted.predict(progress, bounds)) for _ in range(_REPEATS)]
    yield Figure.of(f"{job}, conditional: forecast of 33 candidates", "ms", sweeps, "≤ 3")


def _timed_ms(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - start)
