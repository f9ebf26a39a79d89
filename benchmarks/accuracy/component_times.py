"""How far component times at each size are off, of simulated K-Means with its cache cliff."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from airflow_enel.domain import PastRun, Progress
from airflow_enel.predict import Conditional
from airflow_enel.predict.samples import FloatArray
from airflow_enel.simulation.application import component_seconds
from airflow_enel.simulation.job import JobDescription
from airflow_enel.simulation.job_file import find_job
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.noise import run_noise
from airflow_enel.simulation.past import runs_to_learn_from, without_stages
from airflow_enel.simulation.protocol import PAPER_BOUNDS, Protocol
from airflow_enel.simulation.series import Series, SeriesPlan
from benchmarks.figures import Figure

JOB = "K-Means"
SERIES = 6
SEED = 2026
"""Of the series; another than any default was chosen by."""
HISTORIES = {
    "sizes by chance": Protocol(runs=60, profiling=60, failing=()),
    "sizes of ellis": Protocol(),
}
_ELASTIC = MODES["elastic"]
_DRAWS = 400
_SIZES = np.arange(PAPER_BOUNDS.minimum, PAPER_BOUNDS.maximum + 1)


def measure() -> Iterable[Figure]:
    """Errors of single components at sizes that a run has seen; ranges are those of components."""
    job = find_job(JOB)
    truth = _median_seconds(job)
    cliff = max(phase.cache.executors for phase in job.phases if phase.cache)
    iterations = np.array([phase.cache is not None for phase, _ in job.components()])
    parts = {
        "iterations above the cliff": iterations[:, None] & (cliff <= _SIZES),
        "iterations below it": iterations[:, None] & (cliff > _SIZES),
        "other components": ~iterations[:, None] & (_SIZES > 0),
    }
    for history, protocol in HISTORIES.items():
        errors, seen = [], []
        for campaign in range(SERIES):
            plan = SeriesPlan(job, _ELASTIC, "ellis", SEED, campaign, protocol)
            past = [without_stages(simulated.past) for simulated in Series(plan).runs()]
            errors.append(_forecast_seconds(past, len(truth)) / truth - 1)
            seen.append(_seen(past, len(truth)))
        for part, chosen in parts.items():
            counted = np.array(seen) & chosen
            percent = (100 * np.array(errors)[counted]).tolist()
            yield Figure.of(f"{JOB}, {history}: {part}", "%", percent, "±15")
            within = 100 * float(np.mean(np.abs(percent) <= 15))  # noqa: PLR2004 - the aim
            yield Figure.of(f"{JOB}, {history}: {part}, within ±15 %", "%", [within])


def _forecast_seconds(past: Sequence[PastRun], components: int) -> FloatArray:
    """Forecast median of the components at each size, ``(components, sizes)``."""
    fitted = Conditional().fit(runs_to_learn_from(past))
    found = fitted.forecast_components(Progress.at_start(PAPER_BOUNDS), PAPER_BOUNDS)
    assert found is not None  # noqa: S101 - there are past runs
    seconds: FloatArray = np.exp(np.array(found.log_median))[:components]
    return seconds


def _seen(past: Sequence[PastRun], components: int) -> np.ndarray:
    """Whether an undisturbed component of a past run had each size, ``(components, sizes)``."""
    seen = np.zeros((components, _SIZES.size), dtype=np.bool_)
    for run in runs_to_learn_from(past):
        for place, component in enumerate(run.components[:components]):
            scale = component.scale_out
            if scale.start == scale.end and not component.disturbed:
                seen[place, int(scale.end) - PAPER_BOUNDS.minimum] = True
    return seen


def _median_seconds(job: JobDescription) -> FloatArray:
    """True median of the components at each size, ``(components, sizes)``."""
    drawn = [
        [
            [
                component_seconds(phase, noise, number, job.executor_cores, size, size)
                for size in _SIZES.tolist()
            ]
            for number, (phase, _) in enumerate(job.components())
        ]
        for noise in (
            run_noise(SEED, SERIES, job, _ELASTIC, draw, 1.0, failing=False)
            for draw in range(_DRAWS)
        )
    ]
    median: FloatArray = np.median(np.array(drawn), axis=0)
    return median
