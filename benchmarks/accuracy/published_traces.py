"""How well runs of published traces are foreseen, and what a forecast costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from airflow_enel.domain import Bounds, JobRuns, PastRun, Progress
from airflow_enel.predict import BellRuntime, Conditional, Ellis, Forecaster
from airflow_enel.predict.enel.training.schedule import schedule_trainings
from airflow_enel.predict.evaluation import (
    NORMAL,
    Prediction,
    Score,
    summarise,
    walk_forward,
)
from airflow_enel.spark.traces import read_trace
from benchmarks.accuracy.paper_network import NAME, paper_makers
from benchmarks.accuracy.scores import compared, of_score
from benchmarks.figures import Figure

TRACES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces"
"""Published runs, beside the project on machines of its developers; not part of it."""

_MAKERS: tuple[Callable[[], Forecaster], ...] = (BellRuntime, Ellis, Conditional)
_AIMS = {
    ("LogisticRegression", "running"): "≤ 17.5",
    ("GradientBoostedTrees", "running"): "≤ 11.5",
    ("LogisticRegression", "start"): "≤ 13",
    ("GradientBoostedTrees", "start"): "≤ 7",
}
_JUDGED = ("conditional", "enel")
PAIRS = (
    ("conditional", "ellis", "< 1"),
    ("enel", "conditional", "1 within, or better"),
    (NAME, "conditional", ""),
)
"""(Forecaster, beside which, aim) of the comparisons by paired bootstrap."""
PAPER_GROWTH = 1.0
"""Trained anew whenever twice as many runs are known: each training takes minutes."""
_REPEATS = 15


def measure() -> Iterable[Figure]:
    """Walk-forward errors on runs without failures; minimum and maximum are those of runs."""
    traces = [trace for file in sorted(TRACES.glob("ellis-*.csv")) for trace in read_trace(file)]
    if not traces:
        print("  left out: the published traces are absent", file=sys.stderr)
        return
    series = [JobRuns(trace.job, trace.runs, trace.failed) for trace in traces]
    made = [p for p in _predictions(series) if p.normal]
    for score in summarise(made):
        if score.runs == NORMAL:
            yield from _figures(score, made)
    yield from compared("all jobs", made, PAIRS)
    for trace in traces:
        yield from _costs(trace.job, trace.runs)


def _predictions(series: Sequence[JobRuns]) -> Iterator[Prediction]:
    """Traces have no stages and no context: enel has nothing to learn, and is its prior."""
    networks = schedule_trainings(series).makers(())
    papers = paper_makers(series, PAPER_GROWTH)
    for of_job, network, paper in zip(series, networks, papers, strict=True):
        for of_run in walk_forward(of_job, (*_MAKERS, network, paper)):
            yield from of_run


def _figures(score: Score, made: Sequence[Prediction]) -> Iterable[Figure]:
    name = f"{score.job}, {score.forecaster}, {score.moment}"
    key = (score.job, score.forecaster, score.moment)
    behind = [p for p in made if (p.job, p.forecaster, p.moment) == key]
    judged = score.forecaster in _JUDGED
    aim = _AIMS.get((score.job, score.moment), "") if judged else ""
    yield from of_score(name, score, behind, aim, judged=judged)


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
