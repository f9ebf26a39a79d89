"""What one plan of policy ``enel`` takes: 30 components, with and without losses of executors."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Final

import numpy as np

from airflow_enel.control.planning.first_action import Present
from airflow_enel.control.planning.plan import plan
from airflow_enel.control.planning.prices import Prices
from airflow_enel.domain import ComponentForecast, FailureRegime, Plant
from benchmarks.figures import Figure

COMPONENTS: Final = 30
PLANS: Final = 300
GRIDS: Final = (9, 12, 22)
"""Numbers of sizes; the first is the one in use."""
SIZES: Final = tuple(range(4, 37))
CALM: Final = FailureRegime(0.0, 0.0, 25.0, 900.0, 0.0)
DOUBTFUL: Final = FailureRegime(0.4, 0.011, 25.0, 900.0, 0.0)


def measure() -> Iterable[Figure]:
    """Plans with an outlook on the chosen and on the present size, as a decision makes them."""
    for grid in GRIDS:
        for name, failures in (("calm", CALM), ("with losses in doubt", DOUBTFUL)):
            values = _plans_ms(grid, failures)
            title = f"plan of {COMPONENTS} components at {grid} sizes, {name}"
            yield Figure.of(title, "ms", values)
            p95 = float(np.quantile(values, 0.95))
            yield Figure(f"{title}, p95", "ms", p95, p95, p95, len(values), "≤ 10")


def _plans_ms(grid: int, failures: FailureRegime) -> list[float]:
    jobs = [_job(seed, failures) for seed in range(10)]
    for job in jobs:
        _decide(job, grid)
    return [_taken_ms(partial(_decide, jobs[n % len(jobs)], grid)) for n in range(PLANS)]


def _taken_ms(action: partial[None]) -> float:
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start)


def _decide(job: ComponentForecast, grid: int) -> None:
    target_s = 600.0
    found = plan(job, Prices.of(job, target_s), Present(12, 12, 0.0, 0.0), 500.0, sizes=grid)
    found.outlook(found.size)
    found.outlook(12)


def _job(seed: int, failures: FailureRegime) -> ComponentForecast:
    """Components of which some are flat and some divide."""
    rng = np.random.default_rng(seed)
    fixed_s, work_s = rng.uniform(1, 8, COMPONENTS), rng.uniform(0, 150, COMPONENTS)
    seconds = fixed_s[:, None] + work_s[:, None] / np.array(SIZES)
    plant = Plant(21.0, (2.0, 0.1), (2.0, 0.1), can_shrink=True)
    return ComponentForecast(
        SIZES,
        tuple(map(tuple, np.log(seconds).tolist())),
        tuple((0.15,) * len(SIZES) for _ in range(COMPONENTS)),
        (1.0,) * COMPONENTS,
        0.0,
        1.0,
        failures,
        plant,
    )
