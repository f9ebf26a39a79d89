"""Numbers of the context in the prior: the size of an input, and what else an author gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_enel.domain import Bounds, PastRun, Progress, RunContext
from airflow_enel.domain.context import MAX_ENTRIES
from airflow_enel.predict.gaussian.conditional import Conditional
from tests.support.builders.past_runs import past_run

BOUNDS = Bounds(2, 12)
NAMES = ("start", "scan", "join")


def of_input(number: int, mib: float, executors: int = 6, noise: float = 0.0) -> PastRun:
    """10 s that no input changes, a scan that grows with it, a join that grows faster."""
    factor = float(np.exp(noise * np.random.default_rng(number).normal()))
    work = 60.0 / executors * factor
    seconds = [10.0, work * mib / 1000, 2 * work * (mib / 1000) ** 1.2]
    run = past_run(number, executors, seconds, NAMES)
    return replace(run, context=RunContext.of({"input_mib": mib}))


def start(**context: object) -> Progress:
    return Progress.at_start(BOUNDS, RunContext.of(context))  # type: ignore[arg-type]


def median_s(past: Sequence[PastRun], executors: int = 6, **context: object) -> float:
    forecast = Conditional().fit(past).predict(start(**context), BOUNDS)
    assert forecast is not None
    return forecast.median(executors)


def left_s(past: Sequence[PastRun], run: PastRun) -> float:
    """What is forecast of a run of which all but the join has finished."""
    finished = run.components[:2]
    progress = replace(
        Progress.at_start(BOUNDS, run.context),
        finished=finished,
        elapsed_s=sum(c.added_s or 0.0 for c in finished),
        executors=6,
        requested=6,
        epoch=2,
    )
    forecast = Conditional().fit(past).predict(progress, BOUNDS)
    assert forecast is not None
    return forecast.median(6)


def test_three_runs_with_two_inputs_tell_what_a_third_input_takes() -> None:
    past = [of_input(1, 1000), of_input(2, 2000), of_input(3, 1000)]
    assert median_s(past, input_mib=4000) == pytest.approx(of_input(4, 4000).runtime_s, rel=0.15)


def test_each_component_has_an_elasticity_of_its_own() -> None:
    past = [of_input(n, mib, noise=0.03) for n, mib in enumerate([500, 1000, 2000, 4000] * 4)]
    effect = Conditional().fit(past)._prior.context_effect
    double = effect.features.row(RunContext.of({"input_mib": 2000}))
    usual = effect.features.row(RunContext.of({"input_mib": 1000}))
    size = np.log([[6.0]])
    factor = effect.of(double[None], size) - effect.of(usual[None], size)
    assert factor[0] == pytest.approx([0.0, log(2), 1.2 * log(2)], abs=0.05)


def test_a_number_that_changes_with_the_size_is_told_from_it() -> None:
    pairs = [(500, 3), (1000, 6), (2000, 6), (2000, 12), (4000, 12), (1000, 3), (500, 6)]
    past = [of_input(n, mib, size, noise=0.02) for n, (mib, size) in enumerate(pairs * 2)]
    for mib, size in ((500, 12), (4000, 4)):
        expected = of_input(99, mib, size).runtime_s
        assert median_s(past, size, input_mib=mib) == pytest.approx(expected, rel=0.15)


def test_a_number_that_explains_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    past = [
        replace(of_input(n, 1000, noise=0.1), context=RunContext.of({"rows": int(rows)}))
        for n, rows in enumerate(rng.integers(100, 10_000, 25))
    ]
    without = [replace(run, context=RunContext()) for run in past]
    assert median_s(past, rows=5000) == pytest.approx(median_s(without), rel=0.02)


def test_the_interval_widens_with_the_distance_to_inputs_that_were_seen() -> None:
    past = [of_input(n, mib, noise=0.05) for n, mib in enumerate([800, 1000, 1250] * 4)]
    fitted = Conditional().fit(past)
    spreads = []
    for mib in (1000, 10_000, 1_000_000):
        forecast = fitted.predict(start(input_mib=mib), BOUNDS)
        assert forecast is not None
        spreads.append(forecast.log_sd[4])
    assert spreads[0] < spreads[1] < spreads[2]


def test_what_has_finished_is_judged_by_the_input_of_its_run() -> None:
    past = [of_input(n, mib, noise=0.02) for n, mib in enumerate([500, 1000, 2000] * 4)]
    run = of_input(99, 4000)
    assert left_s(past, run) == pytest.approx((run.components[2].added_s or 0.0) + 2.0, rel=0.1)


def test_a_text_that_comes_and_goes_shifts_the_runs_that_have_it() -> None:
    def run(number: int, mode: str) -> PastRun:
        mib = 2000.0 if mode == "full" else 1000.0
        past = of_input(number, mib, noise=0.03)
        return replace(past, context=RunContext.of({"mode": mode}))

    past = [run(n, mode) for n, mode in enumerate(["full", "delta", "delta", "delta"] * 4)]
    for mode, mib in (("full", 2000), ("delta", 1000)):
        assert median_s(past, mode=mode) == pytest.approx(of_input(99, mib).runtime_s, rel=0.08)


def test_weekdays_count_once_each_has_come_three_times() -> None:
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

    def run(day: int) -> PastRun:
        past = of_input(day, 2000.0 if day % 7 == 0 else 1000.0, noise=0.03)
        context = RunContext.of({"data_weekday": days[day % 7]})
        return replace(past, started_at=86_400.0 * day, context=context)

    past = [run(day) for day in range(28)]
    monday_s, tuesday_s = (median_s(past, data_weekday=day) for day in days[:2])
    assert monday_s == pytest.approx(of_input(99, 2000).runtime_s, rel=0.12)
    assert tuesday_s == pytest.approx(of_input(99, 1000).runtime_s, rel=0.05)
    two_weeks = past[:14]
    assert median_s(two_weeks, data_weekday="Mon") == median_s(two_weeks, data_weekday="Tue")


def test_a_number_that_was_always_the_same_widens_the_interval_once_it_changes() -> None:
    past = [of_input(n, 1000.0, noise=0.05) for n in range(10)]
    fitted = Conditional().fit(past)
    usual, changed = (fitted.predict(start(input_mib=mib), BOUNDS) for mib in (1000, 3000))
    assert usual is not None
    assert changed is not None
    assert changed.median_s == usual.median_s
    assert changed.log_sd[4] > usual.log_sd[4] + 0.3


def read_by_scan(run: PastRun, mib: float) -> PastRun:
    """The run as its scan has told, without a context."""
    first, scan, *rest = run.components
    scan = replace(scan, input_bytes=int(mib * 2**20))
    return replace(run, components=(first, scan, *rest), context=RunContext())


def test_what_past_scans_have_read_stands_for_the_input_that_no_context_tells() -> None:
    inputs = [500.0, 1000.0, 2000.0, 4000.0] * 3
    past = [read_by_scan(of_input(n, mib, noise=0.02), mib) for n, mib in enumerate(inputs)]
    run = read_by_scan(of_input(99, 8000.0), 8000.0)
    assert left_s(past, run) == pytest.approx((run.components[2].added_s or 0.0) + 2.0, rel=0.15)


def test_a_full_context_has_no_room_for_what_scans_have_read() -> None:
    full = RunContext.of({f"number {place}": place + 1 for place in range(MAX_ENTRIES)})
    past = [
        replace(read_by_scan(of_input(n, 1000.0 + n), 1000.0 + n), context=full) for n in range(6)
    ]
    forecast = Conditional().fit(past).predict(replace(start(), context=full), BOUNDS)
    assert forecast is not None


def test_an_input_that_nobody_has_told_yet_makes_the_interval_as_wide_as_inputs_differ() -> None:
    inputs = [500.0, 1000.0, 2000.0, 4000.0] * 3
    past = [of_input(n, mib, noise=0.02) for n, mib in enumerate(inputs)]
    fitted = Conditional().fit(past)
    known, unknown = (
        fitted.predict(start(**context), BOUNDS) for context in ({"input_mib": 1400}, {})
    )
    assert known is not None
    assert unknown is not None
    assert known.log_sd[4] < 0.15
    assert unknown.log_sd[4] > 0.5


values = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**15),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)


@given(st.lists(values, min_size=1, max_size=12), values)
def test_whatever_the_numbers_are_the_forecast_is_finite(seen: list[object], asked: object) -> None:
    def context(value: object) -> RunContext:
        return RunContext.of({} if value is None else {"x": value})  # type: ignore[dict-item]

    try:
        contexts, now = [context(value) for value in seen], context(asked)
    except ValueError:  # no value that a context may hold
        return
    past = [replace(of_input(n, 1000), context=c) for n, c in enumerate(contexts)]
    forecast = Conditional().fit(past).predict(replace(start(), context=now), BOUNDS)
    assert forecast is not None
    assert all(0 < m < float("inf") for m in forecast.median_s)
    assert all(0 <= s <= log(100) for s in forecast.log_sd)
