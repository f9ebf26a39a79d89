"""What is learned of executors that come and go, against the parameters of the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import Bounds, PastRun, Plant, Progress
from airflow_enel.predict import Conditional
from airflow_enel.predict.plant import USUAL_DELAY_S, USUAL_PAUSE_S
from airflow_enel.simulation.job import JobDescription, Phase
from airflow_enel.simulation.mode import MODES, Mode
from tests.support.builders.past_runs import past_run
from tests.support.builders.simulated import past_run_of

LOOP = JobDescription(
    name="loop",
    target_s=600.0,
    phases=(
        Phase("load", fixed_s=20.0, log_sd=0.05),
        Phase("step", count=14, fixed_s=4.0, parallel_s=240.0, run_log_sd=0.03, log_sd=0.04),
        Phase("save", fixed_s=10.0, log_sd=0.05),
    ),
)
CACHED = replace(LOOP, phases=tuple(replace(p, cached=p.name != "save") for p in LOOP.phases))
STUBBORN = replace(MODES["as-published"], growth_gain=0.0, reshuffles=False)
SLOW = Mode(start_s=(40.0, 60.0), pause_s=6.0, pause_per_executor_s=0.4)


def sizes_of(number: int, *, grown: bool) -> list[int]:
    """At one size, or another after the third component, or then back again."""
    rng = np.random.default_rng(number)
    first, second = sorted(rng.integers(4, 20, 2).tolist())
    if not grown:
        return [int(first)] * 16 if number % 2 else [int(second) + 1] * 16
    low, high = int(first), int(second) + 4
    return [low] * 3 + [high] * 13 if number % 2 else [high] * 3 + [low] * 13


def history(mode: Mode, runs: int = 48, job: JobDescription = LOOP) -> list[PastRun]:
    return [
        past_run_of(job, sizes_of(number, grown=number >= runs // 2), number, mode)
        for number in range(runs)
    ]


@pytest.fixture(scope="module")
def histories() -> dict[str, list[PastRun]]:
    modes = {**MODES, "slow": SLOW}
    return {name: history(mode) for name, mode in modes.items()}


def plant_of(runs: list[PastRun]) -> Plant:
    fitted = Conditional().fit(runs)
    return fitted.cluster().plant


def test_without_requests_the_plant_is_the_usual_one() -> None:
    plant = plant_of([past_run(n, 4 + n) for n in range(6)])
    assert plant.start_delay_s == USUAL_DELAY_S
    assert plant.grow_pause_s == pytest.approx(USUAL_PAUSE_S)
    assert plant.shrink_pause_s == pytest.approx(USUAL_PAUSE_S)
    assert plant.can_shrink
    assert plant.growth_gain == 1
    assert plant.warm_up == 0


@pytest.mark.parametrize(("name", "delay_s"), [("elastic", 21), ("realistic", 21), ("slow", 50)])
def test_the_delay_until_executors_are_there_is_learned(
    histories: dict[str, list[PastRun]], name: str, delay_s: float
) -> None:
    assert plant_of(histories[name]).start_delay_s == pytest.approx(delay_s, rel=0.15)


@pytest.mark.parametrize(("name", "base_s", "each_s"), [("elastic", 2, 0.1), ("slow", 6, 0.4)])
def test_pauses_are_learned_per_executor(
    histories: dict[str, list[PastRun]], name: str, base_s: float, each_s: float
) -> None:
    plant = plant_of(histories[name])
    for moved in (4, 12):
        expected_s = base_s + moved * each_s
        for base, each in (plant.grow_pause_s, plant.shrink_pause_s):
            assert base + moved * each == pytest.approx(expected_s, rel=0.3)


def test_that_executors_do_not_go_is_learned_from_requests_alone(
    histories: dict[str, list[PastRun]],
) -> None:
    assert plant_of(histories["elastic"]).can_shrink
    assert not plant_of(histories["as-published"]).can_shrink
    # Two requests that failed are no proof.
    assert plant_of([*histories["as-published"][:24], histories["as-published"][24]]).can_shrink


def test_how_much_growth_helps_is_learned(histories: dict[str, list[PastRun]]) -> None:
    for name in ("elastic", "realistic", "slow"):
        assert plant_of(histories[name]).growth_gain > 0.85
    assert plant_of(histories["as-published"]).growth_gain < 0.6


def test_a_few_runs_do_not_tell_that_growth_does_not_help() -> None:
    calm = [past_run_of(LOOP, [(4, 30)[n % 2]] * 16, n) for n in range(30)]
    late = [past_run_of(LOOP, [4] * 10 + [30] * 6, n, STUBBORN) for n in range(30, 40)]
    assert plant_of([*calm, *late[:4]]).growth_gain == 1  # 14 components
    assert 0.4 < plant_of([*calm, *late[:5]]).growth_gain < 0.9
    assert plant_of([*calm, *late]).growth_gain < 0.4


def test_runs_that_grew_by_little_say_little_of_growth() -> None:
    calm = [past_run_of(LOOP, [(8, 9, 30)[n % 3]] * 16, n) for n in range(30)]
    little, much = (
        [past_run_of(LOOP, [8] * 3 + [size] * 13, n, STUBBORN) for n in range(30, 36)]
        for size in (9, 30)
    )
    assert plant_of([*calm, *little]).growth_gain > 0.75
    assert plant_of([*calm, *much]).growth_gain < 0.5


def test_growth_in_vain_does_not_bend_the_curves() -> None:
    calm = [past_run_of(LOOP, [(4, 30)[n % 2]] * 16, n) for n in range(12)]
    late = [past_run_of(LOOP, [4] * 3 + [30] * 13, n, STUBBORN) for n in range(12, 40)]
    start = Progress.at_start(Bounds(4, 30))
    alone, beside = (
        np.array(Conditional().fit(runs).forecast_components(start, Bounds(4, 30)).log_median)
        for runs in (calm, [*calm, *late])
    )
    steps = slice(1, 15)
    assert beside[steps, -1] == pytest.approx(alone[steps, -1], abs=0.15)


@pytest.mark.parametrize(("name", "warm_up"), [("elastic", 0), ("realistic", 2), ("slow", 0)])
def test_how_long_new_executors_are_cold_is_learned(
    histories: dict[str, list[PastRun]], name: str, warm_up: int
) -> None:
    runs = history(MODES[name], job=CACHED) if name == "realistic" else histories[name]
    assert plant_of(runs).warm_up == warm_up


def test_executors_that_help_only_from_the_next_component_on_are_cold_for_one(
    histories: dict[str, list[PastRun]],
) -> None:
    runs = [one_wave(run) for run in histories["elastic"]]
    assert plant_of(runs).warm_up == 1


def one_wave(run: PastRun) -> PastRun:
    """Its tasks started before executors came: a component goes on as it was without them."""
    parts = [
        replace(c, added_s=4.0 + 240.0 / c.scale_out.start)
        if c.added_s is not None and c.scale_out.end > c.scale_out.start
        else c
        for c in run.components
    ]
    return replace(run, components=tuple(parts))


def test_one_run_does_not_tell_that_executors_are_cold() -> None:
    calm = [past_run_of(CACHED, [(4, 12)[n % 2]] * 16, n) for n in range(20)]
    cold = [past_run_of(CACHED, [4] * 5 + [12] * 11, n, MODES["realistic"]) for n in range(20, 22)]
    assert plant_of([*calm, *cold[:1]]).warm_up == 0
    assert plant_of([*calm, *cold]).warm_up == 2


def test_executors_that_never_help_are_not_cold_at_first() -> None:
    calm = [past_run_of(LOOP, [(4, 30)[n % 2]] * 16, n) for n in range(20)]
    late = [past_run_of(LOOP, [4] * 3 + [30] * 13, n, STUBBORN) for n in range(20, 30)]
    assert plant_of([*calm, *late]).warm_up == 0


def test_runs_must_agree_that_executors_are_cold() -> None:
    calm = [past_run_of(CACHED, [(4, 12)[n % 2]] * 16, n) for n in range(20)]
    grown = [
        past_run_of(CACHED, [4] * 5 + [12] * 11, n, MODES[("realistic", "elastic")[n % 2]])
        for n in range(20, 24)
    ]
    assert plant_of([*calm, *grown]).warm_up == 0


def test_runs_that_lost_executors_say_nothing_of_requests(
    histories: dict[str, list[PastRun]],
) -> None:
    lossy = [replace(run, executors_lost=1) for run in histories["slow"]]
    assert plant_of(lossy).start_delay_s == USUAL_DELAY_S
    lossy = [replace(run, executors_lost=1) for run in histories["as-published"]]
    assert plant_of(lossy).growth_gain == 1


def test_requests_that_never_came_true_say_nothing_of_the_delay() -> None:
    calm = [past_run_of(LOOP, [6] * 16, number) for number in range(4)]
    asked = [past_run_of(LOOP, [6] * 15 + [20], number) for number in range(4, 8)]
    assert plant_of([*calm, *asked]).start_delay_s == USUAL_DELAY_S
