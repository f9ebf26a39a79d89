"""Figures of a walk-forward evaluation: errors of forecasters, and whose are smaller."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_enel.predict.evaluation import RUNNING, START, Prediction, Score
from benchmarks.accuracy.comparison import paired_bootstrap
from benchmarks.accuracy.paper_network import NAME
from benchmarks.figures import Figure


def errors_of_runs(made: Iterable[Prediction]) -> list[float]:
    """Mean error of each run in percent."""
    of_runs: dict[tuple[str, str], list[float]] = {}
    for p in made:
        error = 100 * abs(p.predicted_s / p.actual_s - 1)
        of_runs.setdefault((p.job, p.run_id), []).append(error)
    return [sum(found) / len(found) for found in of_runs.values()]


def of_score(
    name: str, score: Score, made: Sequence[Prediction], aim: str = "", *, judged: bool = True
) -> Iterable[Figure]:
    """MAPE, bias and coverage of one score; minimum and maximum are those of runs.

    :param made: the forecasts behind the score
    :param aim: of the MAPE
    :param judged: whether bias and coverage have aims too
    """
    errors = errors_of_runs(made)
    runs = len(errors)
    yield Figure(f"{name}: MAPE", "%", score.mape_percent, min(errors), max(errors), runs, aim)
    bias, coverage = score.bias_percent, score.coverage_80_percent
    yield Figure(f"{name}: bias", "%", bias, bias, bias, runs, "-3 … 3" if judged else "")
    if score.forecaster == NAME:
        return  # it knows no interval
    # Forecasts of one run fail together, so the runs are what is counted.
    band = 196 * (0.8 * 0.2 / runs) ** 0.5
    aim = f"{80 - band:.0f} … {min(80 + band, 100):.0f}" if judged else ""
    yield Figure(f"{name}: 80 % interval", "%", coverage, coverage, coverage, runs, aim)


def compared(
    name: str, made: Sequence[Prediction], pairs: Iterable[tuple[str, str, str]]
) -> Iterable[Figure]:
    """Ratios of mean errors of all jobs together, minimum and maximum their 95 % intervals.

    :param pairs: (forecaster, beside which, aim)
    """
    for moment in (START, RUNNING):
        at = [p for p in made if p.moment == moment]
        for first, second, aim in pairs:
            found = paired_bootstrap(at, first, second)
            if found is not None:
                what = f"{name}, {moment}: {first} / {second}, 95 %"
                yield Figure(what, "", found.ratio, found.low, found.high, found.runs, aim)
