"""What the network is worth where context or metrics explain runtimes, on generated histories.

Beside the errors of the forecasters stand those of one who knows all but the noise: where the
prior has come close to them, as it does once some components have finished, there is nothing
left to gain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from airflow_enel.domain import JobRuns, PastRun
from airflow_enel.predict import BellRuntime, Conditional
from airflow_enel.predict.enel.forecaster import Enel
from airflow_enel.predict.enel.model import EnelModel
from airflow_enel.predict.enel.training.trainer import train
from airflow_enel.predict.evaluation import walk_forward
from benchmarks.figures import Figure
from tests.support.builders.recurring_jobs import SCENARIOS, Made, make_history, make_job

JOBS = 3
PAST_RUNS = 30
JUDGED_RUNS = 12
NEW_RUNS = 3
BEST = "one who knows"
SEED = 11
OTHER_SEED = 23
"""Of the runs; another than any test or default was chosen by."""


def measure() -> Iterable[Figure]:
    """Errors on runs that no model has seen, whichever gate training has found."""
    for scenario in SCENARIOS:
        yield from _scenario(scenario, [_history(number, scenario) for number in range(JOBS)])
    yield from _new_context()


@dataclass(frozen=True, slots=True)
class _History:
    """Runs of one job, oldest first."""

    name: str
    made: Sequence[Made]

    @property
    def runs(self) -> tuple[PastRun, ...]:
        return tuple(made.run for made in self.made)

    def training(self, runs: int) -> JobRuns:
        return JobRuns(self.name, self.runs[:runs])


def _history(number: int, scenario: str) -> _History:
    job = make_job(number, SEED)
    runs = PAST_RUNS + JUDGED_RUNS
    return _History(job.key, make_history(job, SCENARIOS[scenario], runs, OTHER_SEED))


def _scenario(scenario: str, jobs: Sequence[_History]) -> Iterable[Figure]:
    model = train([job.training(PAST_RUNS) for job in jobs], seed=0, created_at=0.0)
    errors = _Errors()
    for job in jobs:
        errors.add(model, job, PAST_RUNS, JUDGED_RUNS)
    for phase, name in enumerate(("start", "early", "later")):
        gates = [model.manifest.gates_of(of.job).shares[phase] for of in model.manifest.jobs]
        yield Figure.of(f"{scenario}: gate, {name}", "", gates)
    aim = "≤ 1.02" if scenario == "nothing" else "≤ 0.8"
    # Nothing tells the pressure of "metrics" before the start, so only later forecasts can gain.
    yield from _compared(scenario, errors, "conditional", aim)


def _new_context() -> Iterable[Figure]:
    """Jobs with three runs each at other inputs or skews; three other jobs have thirty each."""
    for scenario in ("input", "skew"):
        old = [_history(number, scenario) for number in range(JOBS)]
        new = [_history(number, scenario) for number in range(JOBS, 2 * JOBS)]
        jobs = [job.training(PAST_RUNS) for job in old] + [job.training(NEW_RUNS) for job in new]
        model = train(jobs, seed=0, created_at=0.0)
        errors = _Errors()
        for job in new:
            errors.add(model, job, NEW_RUNS, JUDGED_RUNS)
        yield from _compared(f"{scenario}, 3 runs of a new job", errors, "bell", "≤ 0.5")


class _Errors:
    """Mean errors of runs in percent, by forecaster and whether it was before the start."""

    def __init__(self) -> None:
        self._of_runs: dict[tuple[str, bool], list[float]] = {}

    def of(self, forecaster: str, *, start: bool) -> list[float]:
        """One number per run."""
        return self._of_runs[forecaster, start]

    def add(self, model: EnelModel, job: _History, known: int, judged: int) -> None:
        """Forecast so many runs after the first ``known``, all from these."""
        makers = (BellRuntime, Conditional, lambda: Enel(model, job.name))
        for made in job.made[known : known + judged]:
            series = JobRuns(job.name, (*job.runs[:known], made.run))
            (found,) = walk_forward(series, makers, known)
            for name in {p.forecaster for p in found}:
                self._add(
                    name, [p.predicted_s / p.actual_s - 1 for p in found if p.forecaster == name]
                )
            self._add(BEST, list(made.best_errors()))

    def _add(self, forecaster: str, errors: Sequence[float]) -> None:
        first, *later = (100 * abs(error) for error in errors)
        self._of_runs.setdefault((forecaster, True), []).append(first)
        self._of_runs.setdefault((forecaster, False), []).append(float(np.mean(later)))


def _compared(what: str, errors: _Errors, beside: str, aim: str) -> Iterable[Figure]:
    """Mean errors, and the network's over the other's; ranges are those of runs."""
    for start, moment in ((True, "start"), (False, "running")):
        for name in ("bell", "conditional", "enel", BEST):
            of_runs = errors.of(name, start=start)
            mean = float(np.mean(of_runs))
            yield Figure(
                f"{what}, {moment}: MAPE of {name}",
                "%",
                mean,
                min(of_runs),
                max(of_runs),
                len(of_runs),
            )
        usual = float(np.mean(errors.of(beside, start=start)))
        for name, wanted in (("enel", aim), (BEST, "")):
            ratio = float(np.mean(errors.of(name, start=start))) / usual
            yield Figure(f"{what}, {moment}: {name} / {beside}", "", ratio, ratio, ratio, 1, wanted)
