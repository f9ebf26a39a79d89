"""Which share of the variance of runtimes each cause explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import JobRuns, PastRun, RunContext
from airflow_enel.predict.variance_shares import VarianceShares, variance_shares
from tests.support.builders.past_runs import past_run

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def shares_of(
    make: Callable[[int, np.random.Generator], PastRun], runs: int = 42
) -> VarianceShares:
    rng = np.random.default_rng(1)
    found = variance_shares(JobRuns("job", tuple(make(number, rng) for number in range(runs))))
    assert found is not None
    parts = (found.size, found.context, found.calendar, found.progress, found.unexplained)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(1.0)
    return found


def run(number: int, seconds: float, executors: int = 6, **context: str | float) -> PastRun:
    """Four equal components, a run per day."""
    past = past_run(number, executors, [seconds / 4] * 4, tuple("abcd"))
    return replace(past, started_at=86_400.0 * number, context=RunContext.of(context))


def test_what_the_input_explains_is_the_context_s() -> None:
    def make(number: int, rng: np.random.Generator) -> PastRun:
        mib = float(rng.choice([500, 1000, 2000]))
        return run(number, mib / 10 * np.exp(0.05 * rng.normal()), input_mib=mib)

    assert shares_of(make).context > 0.9


def test_what_the_executors_explain_is_the_size_s() -> None:
    def make(number: int, rng: np.random.Generator) -> PastRun:
        executors = int(rng.choice([2, 4, 8]))
        return run(number, 400 / executors * np.exp(0.05 * rng.normal()), executors)

    assert shares_of(make).size > 0.9


def test_texts_that_take_turns_are_told_from_each_other() -> None:
    def make(number: int, rng: np.random.Generator) -> PastRun:
        seconds = 60.0 * (1 + number % 6) * np.exp(0.05 * rng.normal())
        return run(number, seconds, table="abcdef"[number % 6])

    assert shares_of(make, 66).context > 0.7


def test_what_the_weekday_explains_is_the_calendar_s() -> None:
    def make(number: int, rng: np.random.Generator) -> PastRun:
        seconds = (300.0 if number % 7 == 0 else 100.0) * np.exp(0.05 * rng.normal())
        return run(number, seconds, data_weekday=DAYS[number % 7])

    assert shares_of(make).calendar > 0.7


def test_what_a_run_s_own_pace_explains_is_known_half_way() -> None:
    def make(number: int, rng: np.random.Generator) -> PastRun:
        return run(number, 100.0 * np.exp(0.3 * rng.normal()))

    found = shares_of(make)
    assert found.progress > 0.8
    assert found.size + found.context + found.calendar < 0.1


def test_few_runs_explain_nothing() -> None:
    runs = tuple(run(number, 100.0) for number in range(5))
    assert variance_shares(JobRuns("job", runs)) is None
