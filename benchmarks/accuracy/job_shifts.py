"""How often a job is wrongly said to have changed, and how soon a real change is found.

Simulated deviations of whole runs: Gaussian, with heavy tails, and correlated from run to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from airflow_enel.predict.gaussian.job_changes import shift_of
from airflow_enel.predict.samples import FloatArray
from benchmarks.figures import Figure

SERIES: Final = 60
RUNS: Final = 120
KNOWN: Final = 50
"""Runs that are learned from."""
NOISE: Final = 0.08
_FIRST = 9

Noise = Callable[[np.random.Generator], FloatArray]


def measure() -> Iterable[Figure]:
    """False alarms per 200 runs, and runs until shifts are found."""
    for name, noise in _NOISES.items():
        rates = [_alarms(NOISE * noise(np.random.default_rng(seed))) for seed in range(SERIES)]
        mean = 200 * sum(rates) / (SERIES * (RUNS - _FIRST))
        yield Figure(f"{name}: false alarms", "per 200 runs", mean, mean, mean, SERIES, "≤ 1")
    for percent in (20, 30, 50, 100):
        delays = [
            _delay(np.random.default_rng(seed), np.log1p(percent / 100)) for seed in range(SERIES)
        ]
        yield Figure.of(f"{percent} % longer: found after", "runs", delays)


def _alarms(off: FloatArray) -> int:
    found = [_is_found(off, end) for end in range(_FIRST, off.size)]
    return sum(now and not before for before, now in zip([False, *found], found, strict=False))


def _delay(rng: np.random.Generator, shift: float) -> float:
    off = NOISE * rng.normal(size=RUNS)
    off[RUNS // 2 :] += shift
    ends = range(RUNS // 2 + 1, RUNS)
    return next((end - RUNS // 2 for end in ends if _is_found(off, end)), RUNS // 2)


def _is_found(off: FloatArray, end: int) -> bool:
    return shift_of(off[max(0, end - KNOWN) : end]) is not None


def _correlated(rng: np.random.Generator) -> FloatArray:
    off = rng.normal(size=RUNS)
    for place in range(1, RUNS):
        off[place] += 0.3 * off[place - 1]
    return off


_NOISES: Final[dict[str, Noise]] = {
    "Gaussian": lambda rng: rng.normal(size=RUNS),
    "t with 3 degrees": lambda rng: rng.standard_t(3, size=RUNS),
    "correlated by 0.3": _correlated,
}
