from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from airflow_enel.simulation.job import Blocks, JobDescription, Phase
from airflow_enel.simulation.mode import MODES
from airflow_enel.simulation.noise import KILL_WINDOW_S, io_loads, run_noise
from tests.support.builders.simulated import ELASTIC, LOOP, noisy

CHANCY = replace(
    LOOP,
    input_factors=(0.5, 1.0, 2.0),
    phases=(
        Phase("load", blocks=Blocks(10.0, 2, (1.0, 1.0)), io_bound=True, run_log_sd=0.1),
        Phase("iteration", count=3, parallel_s=60.0, run_log_sd=0.1, input_elasticity=0.0),
    ),
)


def test_the_same_run_has_the_same_chance() -> None:
    assert noisy(CHANCY, 3, failing=True) == noisy(CHANCY, 3, failing=True)


@pytest.mark.parametrize(
    ("seed", "campaign", "run"), [(8, 0, 3), (7, 1, 3), (7, 0, 4)], ids=["seed", "campaign", "run"]
)
def test_another_place_has_other_chance(seed: int, campaign: int, run: int) -> None:
    other = run_noise(seed, campaign, CHANCY, ELASTIC, run, 1.0, failing=True)
    assert other.component_factors != noisy(CHANCY, 3, failing=True).component_factors


def test_failures_change_nothing_else_in_a_run() -> None:
    failing = noisy(CHANCY, 3, failing=True)
    assert replace(failing, kills=()) == noisy(CHANCY, 3)


def test_the_mode_changes_how_long_executors_take_to_start_alone() -> None:
    slow = replace(MODES["elastic"], start_s=(60.0, 120.0))
    other = run_noise(7, 0, CHANCY, slow, 3, 1.0, failing=False)
    assert min(other.start_delays_s) >= 60.0
    assert replace(other, start_delays_s=noisy(CHANCY, 3).start_delays_s) == noisy(CHANCY, 3)


def test_one_executor_is_killed_in_each_window() -> None:
    kills = noisy(LOOP, failing=True).kills
    assert [int(kill.at_s // KILL_WINDOW_S) for kill in kills] == list(range(len(kills)))


def test_components_that_compute_share_the_spread_of_their_run() -> None:
    factors = noisy(CHANCY).component_factors
    assert factors[1] == factors[2] == factors[3] != factors[0]


def test_input_scales_what_depends_on_it() -> None:
    job = replace(
        CHANCY,
        phases=(Phase("scan", fixed_s=1.0), Phase("rest", fixed_s=1.0, input_elasticity=0.0)),
    )
    found = {noisy(job, run).input_factor: noisy(job, run).component_factors for run in range(30)}
    assert found == {0.5: (0.5, 1.0), 1.0: (1.0, 1.0), 2.0: (2.0, 1.0)}


def test_io_load_lasts_from_run_to_run() -> None:
    logs = np.log(io_loads(1, 0, LOOP, 4000))
    assert np.corrcoef(logs[:-1], logs[1:])[0, 1] == pytest.approx(0.3, abs=0.05)
    assert logs.std() == pytest.approx(0.05, rel=0.1)


def test_jobs_that_differ_by_name_alone_have_other_chance() -> None:
    job: JobDescription = replace(CHANCY, name="other")
    assert noisy(job).component_factors != noisy(CHANCY).component_factors
