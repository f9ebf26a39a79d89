from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import PastRun, RunContext
from airflow_enel.simulation.component_times import ComponentTimes
from airflow_enel.simulation.fitted_curves import FittedComponents, fit_components
from tests.support.builders.past_runs import components, past_run


def fitted(runs: list[PastRun]) -> FittedComponents:
    return fit_components(ComponentTimes.of(runs))


def seconds(runs: list[PastRun], executors: float, key: int = 0) -> float:
    curve = fitted(runs).curves[key]
    assert curve is not None
    return float(curve.seconds(np.array([executors]))[0])


def one(number: int, executors: int, taken_s: float, context: RunContext | None = None) -> PastRun:
    run = past_run(number, executors, [taken_s], ["all"])
    return run if context is None else replace(run, context=context)


def noise(number: int, log_sd: float) -> float:
    return float(np.exp(np.random.default_rng(number).normal() * log_sd))


def test_a_curve_goes_through_what_the_runs_show() -> None:
    runs = [one(n, size, 5 + 60 / size) for n, size in enumerate((2, 4, 8, 16, 4, 8))]
    assert seconds(runs, 6) == pytest.approx(5 + 60 / 6, rel=0.01)


def test_two_runs_that_differ_by_little_are_no_curve() -> None:
    runs = [one(1, 4, 10.2), one(2, 8, 9.8)]
    assert seconds(runs, 4) == pytest.approx(seconds(runs, 16), rel=1e-6)


def test_two_runs_that_differ_by_much_are_one() -> None:
    runs = [one(1, 4, 20.0), one(2, 8, 10.0)]
    assert seconds(runs, 16) == pytest.approx(5.0, rel=0.01)


def test_data_that_do_not_fit_into_few_executors_make_a_cliff() -> None:
    sizes = [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 36] * 2
    runs = [
        one(n, s, noise(n, 0.03) * (2 + 60 / s + 200 * max(0, 1 - s / 20)))
        for n, s in enumerate(sizes)
    ]
    for size in (5, 12, 18, 22, 30):
        real_s = 2 + 60 / size + 200 * max(0, 1 - size / 20)
        assert seconds(runs, size) == pytest.approx(real_s, rel=0.1)


def test_components_with_one_key_share_a_curve_and_have_levels_of_their_own() -> None:
    factors = (1.0, 2.0, 0.5)
    runs = [
        past_run(n, size, [f * (5 + 60 / size) for f in factors], ["step"] * 3)
        for n, size in enumerate((2, 4, 8, 16))
    ]
    levels = np.exp(fitted(runs).log_levels)
    assert levels / levels[0] == pytest.approx(factors, rel=0.01)


def test_a_run_that_is_slow_throughout_does_not_bend_the_curves() -> None:
    sizes = [4, 8, 12, 16, 20, 24] * 3
    runs = [one(n, s, noise(n, 0.05) * 60 / s) for n, s in enumerate(sizes)]
    slow = one(99, 24, 2 * 60 / 24)
    assert seconds([*runs, slow], 24) == pytest.approx(seconds(runs, 24), rel=0.03)
    assert fitted([*runs, slow]).slow_factors == pytest.approx([2.0], rel=0.1)
    assert fitted(runs).slow_factors.size == 0


def test_the_spread_of_runs_is_told_from_that_of_components() -> None:
    rng = np.random.default_rng(5)
    runs = [
        past_run(n, size, np.exp(rng.normal() * 0.1 + rng.normal(size=20) * 0.03) * 60 / size,
                 ["step"] * 20)
        for n, size in enumerate([4, 6, 8, 12, 16] * 12)
    ]  # fmt: skip
    found = fitted(runs)
    assert found.run_log_sd == pytest.approx(0.1, rel=0.25)
    assert found.own_log_sd[0] == pytest.approx(0.03, rel=0.25)


def sized(number: int, exponent: float, log_sd: float = 0.03) -> PastRun:
    mib = (512, 1024, 2048)[number % 3]
    size = (4, 8, 16, 6, 12)[number % 5]
    taken_s = noise(number, log_sd) * (mib / 1024) ** exponent * (5 + 60 / size)
    return one(number, size, taken_s, RunContext.of({"input_mib": mib}))


def test_the_size_of_the_input_explains_what_it_can() -> None:
    runs = [sized(n, 0.8) for n in range(30)]
    assert fitted(runs).input_elasticities == pytest.approx([0.8], abs=0.05)
    assert seconds(runs, 8) == pytest.approx(5 + 60 / 8, rel=0.05)


def test_an_input_that_explains_nothing_has_no_exponent() -> None:
    assert fitted([sized(n, 0.0, 0.2) for n in range(30)]).input_elasticities == [0.0]
    assert fitted([sized(n, 0.8) for n in range(6)]).input_elasticities == [0.0]


def test_components_with_a_change_inside_count_where_the_others_know_one_size_only() -> None:
    clean = [one(n, 4, 20.0) for n in range(3)]
    changed = replace(
        one(9, 16, 5.0),
        components=tuple(replace(c, disturbed=True) for c in components(16, [5.0], ["all"])),
    )
    assert seconds([*clean, changed], 16) == pytest.approx(5.0, rel=0.1)
    both = [*clean, *(one(n, 8, 10.0) for n in range(4, 7))]
    late = replace(changed, components=tuple(replace(c, added_s=50.0) for c in changed.components))
    assert seconds([*both, late], 16) == pytest.approx(5.0, rel=0.1)
