"""What is learned of executors that come and go, against the parameters of the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.domain import PastRun, Plant
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
SLOW = Mode(start_s=(40.0, 60.0), pause_s=6.0, pause_per_executor_s=0.4)


def sizes_of(number: int, *, grown: bool) -> list[int]:
    """At one size, or another after the third component, or then back again."""
    rng = np.random.default_rng(number)
    first, second = sorted(rng.integers(4, 20, 2).tolist())
    if not grown:
        return [int(first)] * 16 if number % 2 else [int(second) + 1] * 16
    low, high = int(first), int(second) + 4
    return [low] * 3 + [high] * 13 if number % 2 else [high] * 3 + [low] * 13


def history(mode: Mode, runs: int = 48) -> list[PastRun]:
    return [
        past_run_of(LOOP, sizes_of(number, grown=number >= runs // 2), number, mode)
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
    assert plant.growth_helps


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


def test_that_growth_does_not_help_takes_many_components(
    histories: dict[str, list[PastRun]],
) -> None:
    for name in ("elastic", "realistic", "slow"):
        assert plant_of(histories[name]).growth_helps
    stubborn = histories["as-published"]
    assert not plant_of(stubborn).growth_helps
    assert plant_of(stubborn[:26]).growth_helps


def test_fewer_than_fifteen_components_do_not_stop_growth() -> None:
    stubborn = replace(MODES["as-published"], growth_gain=0.0)
    calm = [past_run_of(LOOP, [(4, 30)[n % 2]] * 16, n, stubborn) for n in range(30)]
    late = [past_run_of(LOOP, [4] * 12 + [30] * 4, n, stubborn) for n in range(30, 40)]
    assert plant_of([*calm, *late[:7]]).growth_helps  # two in each
    assert not plant_of([*calm, *late]).growth_helps


def test_runs_that_lost_executors_say_nothing_of_requests(
    histories: dict[str, list[PastRun]],
) -> None:
    lossy = [replace(run, executors_lost=1) for run in histories["slow"]]
    assert plant_of(lossy).start_delay_s == USUAL_DELAY_S


def test_requests_that_never_came_true_say_nothing_of_the_delay() -> None:
    calm = [past_run_of(LOOP, [6] * 16, number) for number in range(4)]
    asked = [past_run_of(LOOP, [6] * 15 + [20], number) for number in range(4, 8)]
    assert plant_of([*calm, *asked]).start_delay_s == USUAL_DELAY_S
