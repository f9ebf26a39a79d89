"""New code, other components, sudden shifts, and single outliers in the history of a job."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import Bounds, Forecast, PastRun, Progress, RunContext
from airflow_enel.domain.context import CODE
from airflow_enel.predict.gaussian.conditional import Conditional
from airflow_enel.predict.gaussian.job_changes import (
    change_notes,
    code_changes,
    component_changes,
    shift_of,
)
from tests.support.builders.past_runs import past_run

BOUNDS = Bounds(2, 12)


def run(number: int, *seconds: float, code: str = "", names: tuple[str, ...] = ()) -> PastRun:
    """A run at 6 executors, 5 % noise as a whole."""
    factor = float(np.exp(0.05 * np.random.default_rng(number).normal()))
    names = names or tuple(f"step {place}" for place in range(len(seconds)))
    past = past_run(number, 6, [factor * s for s in seconds], names)
    context = RunContext.of({CODE: code} if code else {})
    return replace(past, context=context, started_at=86_400.0 * number)


def forecast(past: list[PastRun], code: str = "") -> Forecast:
    context = RunContext.of({CODE: code} if code else {})
    found = Conditional().fit(past).predict(Progress.at_start(BOUNDS, context), BOUNDS)
    assert found is not None
    return found


def test_one_run_of_new_code_is_believed_more_than_twenty_of_the_old() -> None:
    old = [run(n, 20.0, 60.0, code="a") for n in range(20)]
    usual_s = forecast(old, "a").median(6)
    new = [run(20, 40.0, 120.0, code="b")]
    assert forecast([*old, *new], "b").median(6) == pytest.approx(2 * usual_s, rel=0.1)


def test_before_the_first_run_of_new_code_the_interval_is_wide() -> None:
    old = [run(n, 20.0, 60.0, code="a") for n in range(20)]
    known, unknown = forecast(old, "a"), forecast(old, "b")
    assert unknown.median(6) == known.median(6)
    assert unknown.log_sd[4] > known.log_sd[4] + 0.15
    assert unknown.notes == ("its code has changed: no run since",)


def test_code_that_changes_with_every_run_and_nothing_else_widens_less_and_less() -> None:
    past = [run(n, 20.0, 60.0, code=f"build {n}") for n in range(20)]
    same = [run(n, 20.0, 60.0, code="a") for n in range(20)]
    assert forecast(past, "next").log_sd[4] < forecast(same, "next").log_sd[4] - 0.05
    assert forecast(past, "next").median(6) == pytest.approx(82.0, rel=0.05)


def test_components_that_new_code_no_longer_has_are_not_expected() -> None:
    old = [run(n, 20.0, 60.0, names=("load", "train"), code="a") for n in range(20)]
    new = [run(20, 20.0, 1000.0, names=("load", "boost"), code="b")]
    assert forecast([*old, *new], "b").median(6) == pytest.approx(1022.0, rel=0.1)


def test_two_runs_with_other_components_tell_it_without_a_digest() -> None:
    old = [run(n, 20.0, 60.0, names=("load", "train")) for n in range(20)]
    new = [run(n, 20.0, 1000.0, names=("load", "boost")) for n in (20, 21)]
    assert forecast([*old, *new]).median(6) == pytest.approx(1022.0, rel=0.1)


def test_a_lasting_shift_is_followed_after_a_few_runs() -> None:
    past = [run(n, 20.0, 60.0) for n in range(20)]
    past += [run(n, 40.0, 120.0) for n in range(20, 24)]
    found = forecast(past)
    assert found.median(6) == pytest.approx(162.0, rel=0.1)
    assert found.notes == ("the job changed on 1970-01-21: 4 runs since",)


@pytest.mark.parametrize("runs", [6, 10, 30])
def test_one_run_of_ten_times_the_length_moves_the_next_by_less_than_a_twentieth(runs: int) -> None:
    past = [run(n, 20.0, 60.0) for n in range(runs)]
    outlier = run(runs, 200.0, 600.0)
    before_s, after_s = forecast(past).median(6), forecast([*past, outlier]).median(6)
    assert after_s == pytest.approx(before_s, rel=0.05)


def test_loops_until_convergence_are_no_change() -> None:
    rng = np.random.default_rng(5)
    iterations = rng.integers(3, 12, 20).tolist()
    past = [
        run(n, 10.0, *([5.0] * k), names=("load", *["step"] * k)) for n, k in enumerate(iterations)
    ]
    assert forecast(past).notes == ()


def test_false_alarms_are_rarer_than_one_in_two_hundred_runs() -> None:
    rng = np.random.default_rng(6)
    alarms, looked = 0, 0
    for _ in range(30):
        off = 0.08 * rng.standard_t(4, size=70)
        found = [shift_of(off[max(0, end - 50) : end]) is not None for end in range(9, 70)]
        alarms += sum(
            now and not before for before, now in zip([False, *found], found, strict=False)
        )
        looked += len(found)
    assert alarms * 200 <= looked


def test_a_shift_is_dated_to_its_first_run() -> None:
    off = 0.05 * np.random.default_rng(7).normal(size=30)
    off[22:] += 0.5
    assert shift_of(off) == 22


def test_only_runs_that_tell_their_code_can_change_it() -> None:
    contexts = [RunContext.of({CODE: c} if c else {}) for c in ("a", "", "a", "b", "", "b")]
    assert code_changes(contexts) == [3]


def test_a_component_that_only_some_runs_have_is_no_change() -> None:
    there = np.array([[1, 0], [1, 1], [1, 0], [1, 1], [1, 1]], dtype=bool)
    assert component_changes(there) == []
    assert component_changes(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool)) == [2]


def test_old_changes_need_no_note() -> None:
    started_at = np.arange(10.0)
    assert change_notes((2.0,), started_at) == ()
    assert change_notes((), started_at) == ()
    assert change_notes((9.0,), started_at) == ("the job changed on 1970-01-01: 1 run since",)
