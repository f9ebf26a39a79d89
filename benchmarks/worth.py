"""What the network is worth where context or metrics explain runtimes, on generated histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from airflow_enel.domain import PastRun
from airflow_enel.predict import BellRuntime, Conditional
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.model import EnelModel, TrainingJob
from airflow_enel.predict.enel.training import train
from airflow_enel.predict.evaluation import START, Prediction, Series, walk_forward
from benchmarks.figures import Figure
from benchmarks.generated import SCENARIOS, make_job, make_runs

JOBS = 3
PAST_RUNS = 30
JUDGED_RUNS = 12
NEW_RUNS = 3
SEED = 11
OTHER_SEED = 23
"""Of the runs; another than any test or default was chosen by."""


def measure() -> Iterable[Figure]:
    """Errors on runs that no model has seen, whichever gate training has found."""
    for scenario in SCENARIOS:
        jobs = [_runs(number, scenario) for number in range(JOBS)]
        yield from _scenario(scenario, jobs)
    yield from _new_context()


def _runs(number: int, scenario: str) -> tuple[str, list[PastRun]]:
    job = make_job(number, SEED)
    runs = make_runs(job, SCENARIOS[scenario], PAST_RUNS + JUDGED_RUNS, OTHER_SEED)
    return job.key, runs


def _scenario(scenario: str, jobs: Sequence[tuple[str, list[PastRun]]]) -> Iterable[Figure]:
    model = train(
        [TrainingJob(name, tuple(runs[:PAST_RUNS])) for name, runs in jobs],
        seed=0,
        created_at=0.0,
    )
    made = [p for name, runs in jobs for p in _judge(model, name, runs, PAST_RUNS)]
    for phase, name in enumerate(("start", "early", "later")):
        gates = [model.manifest.gates_of(of.job)[phase] for of in model.manifest.jobs]
        yield Figure.of(f"{scenario}: gate, {name}", "", gates)
    aim = "≤ 1.02" if scenario == "nothing" else "≤ 0.8"
    # Nothing tells the pressure of "metrics" before the start, so only later forecasts can gain.
    yield from _compared(scenario, made, "conditional", aim)


def _new_context() -> Iterable[Figure]:
    """Jobs with three runs each at other inputs or skews; three other jobs have thirty each."""
    for scenario in ("input", "skew"):
        old = [_runs(number, scenario) for number in range(JOBS)]
        new = [_runs(number, scenario) for number in range(JOBS, 2 * JOBS)]
        jobs = [TrainingJob(name, tuple(runs[:PAST_RUNS])) for name, runs in old]
        jobs += [TrainingJob(name, tuple(runs[:NEW_RUNS])) for name, runs in new]
        model = train(jobs, seed=0, created_at=0.0)
        known = NEW_RUNS + JUDGED_RUNS
        made = [p for name, runs in new for p in _judge(model, name, runs[:known], NEW_RUNS)]
        yield from _compared(f"{scenario}, 3 runs of a new job", made, "bell", "≤ 0.5")


def _judge(
    model: EnelModel, name: str, runs: Sequence[PastRun], known: int
) -> Iterable[Prediction]:
    """Forecasts of the runs after the first ``known``, all from these."""
    makers = (BellRuntime, Conditional, lambda: Enel(model, name))
    for run in runs[known:]:
        series = Series(name, (*runs[:known], run))
        for found in walk_forward(series, makers, known):
            yield from found


def _compared(what: str, made: Sequence[Prediction], beside: str, aim: str) -> Iterable[Figure]:
    """Mean errors, and the network's over the other's; ranges are those of runs."""
    for of_start in (True, False):
        moment = "start" if of_start else "running"
        errors = {
            name: _errors([p for p in made if (p.moment == START) == of_start], name)
            for name in ("bell", "conditional", "enel")
        }
        for name, of_runs in errors.items():
            yield Figure(
                f"{what}, {moment}: MAPE of {name}",
                "%",
                float(np.mean(of_runs)),
                min(of_runs),
                max(of_runs),
                len(of_runs),
            )
        ratio = float(np.mean(errors["enel"]) / np.mean(errors[beside]))
        yield Figure(f"{what}, {moment}: enel / {beside}", "", ratio, ratio, ratio, 1, aim)


def _errors(made: Sequence[Prediction], name: str) -> list[float]:
    of_runs: dict[tuple[str, str], list[float]] = {}
    for p in made:
        if p.forecaster == name:
            error = 100 * abs(p.predicted_s / p.actual_s - 1)
            of_runs.setdefault((p.job, p.run_id), []).append(error)
    return [float(np.mean(found)) for found in of_runs.values()]
