from __future__ import annotations

from statistics import fmean

import pytest

from benchmarks.experiments.utilization import (
    GROWING,
    SHRINKING,
    START,
    Pair,
    UtilizationTask,
    pairs,
    with_iterations,
)
from benchmarks.experiments.utilization_tables import percent, results_table, sweep_table


def simulated(task: UtilizationTask) -> tuple[Pair, ...]:
    return pairs(task.compute())


def pair(longer: float = 0.0, dearer: float = 0.0) -> Pair:
    """Against a run of 100 s and 1000 executor-seconds."""
    return Pair(100 * (1 + longer), 1000 * (1 + dearer), 4, 1, 100.0, 1000.0)


def test_a_job_that_profits_takes_less_than_half_as_long() -> None:
    found = simulated(UtilizationTask(GROWING, START["growing"], runs=3, seed=1))
    assert max(one.longer for one in found) < -0.5
    assert min(one.executors for one in found) > START["growing"]


def test_surplus_is_released_without_taking_much_longer() -> None:
    found = simulated(UtilizationTask(SHRINKING, START["shrinking"], runs=3, seed=1))
    assert max(one.executors for one in found) <= 0.65 * START["shrinking"]
    assert fmean(one.longer for one in found) < 0.03
    assert fmean(one.dearer for one in found) < -0.35


def test_with_few_iterations_growth_does_not_pay() -> None:
    (found,) = simulated(UtilizationTask(with_iterations(3, 0.0), 4, runs=1, seed=1))
    assert found.longer > 0
    assert found.dearer > 0


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_iterations_of_the_sweep_take_as_long_on_the_size_at_which_they_start(share: float) -> None:
    start = START["growing"]
    _, iteration = with_iterations(12, share).phases
    _, usual = with_iterations(12, 0.0).phases
    assert iteration.seconds(0, start, 4) == pytest.approx(usual.seconds(0, start, 4))
    assert iteration.fixed_s == pytest.approx(share * usual.seconds(0, start, 4))


def test_changes_are_told_with_their_standard_error() -> None:
    assert percent([-0.1, -0.3]) == "−20.0 ± 10.0 %"
    assert percent([0.25]) == "+25.0 %"
    assert percent([0.0, 0.0]) == "0 ± 0.0 %"


def test_the_results_stand_beside_those_of_the_paper() -> None:
    table = results_table({"growing": [pair(longer=-0.5, dearer=0.2)]})
    assert table.rows == (("growing", "4 → 4.0", "−50.0 %", "+20.0 %", "1.0", "runtime −57 %"),)


def test_the_sweep_has_iterations_below_and_shares_beside_each_other() -> None:
    found = {
        (6, 0.0): [pair(longer=-0.1)],
        (6, 0.5): [pair()],
        (3, 0.0): [pair(longer=0.01, dearer=0.1)],
        (3, 0.5): [pair()],
    }
    table = sweep_table(found)
    assert table.headings == ("", "0% serial", "50% serial")
    assert table.rows == (
        ("3 iterations", "+1 % · +10 %", "0 % · 0 %"),
        ("6 iterations", "−10 % · 0 %", "0 % · 0 %"),
    )
