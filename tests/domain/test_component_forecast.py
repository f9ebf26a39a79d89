"""Component forecasts refuse numbers that no planner could work with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_enel.domain import ComponentForecast, FailureRegime, Plant

REGIME = FailureRegime(0.05, 0.01, 25.0, 625.0, 0.0)
PLANT = Plant(21.0, (2.0, 0.1), (2.0, 0.1), can_shrink=True)
FORECAST = ComponentForecast(
    (2, 4), ((3.0, 2.0), (1.0, 0.5)), ((0.1, 0.2), (0.1, 0.1)), (1.0, 0.5), 3.0, 2.0, REGIME, PLANT
)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"executors": ()}, "scale-outs"),
        ({"executors": (0, 4)}, "at least 1"),
        ({"executors": (4, 4)}, "ascend"),
        ({"share": (1.0,)}, "per component"),
        ({"log_sd": ((0.1, 0.2),)}, "per component"),
        ({"log_median": ((3.0, 2.0), (1.0,))}, "per scale-out"),
        ({"log_median": ((3.0, 2.0), (float("nan"), 1.0))}, "finite"),
        ({"log_sd": ((0.1, 0.2), (0.1, -0.1))}, "spreads"),
        ({"log_sd": ((0.1, 0.2), (0.1, float("inf")))}, "spreads"),
        ({"share": (1.0, 0.0)}, "shares"),
        ({"share": (1.0, 1.1)}, "shares"),
        ({"fewest_executors": (2,)}, "fewest executors of each"),
        ({"spent_s": -1.0}, "spent_s"),
        ({"tail_s": float("inf")}, "tail_s"),
        ({"log_median": (), "log_sd": (), "share": ()}, "none that has taken time"),
    ],
)
def test_unusable_component_forecasts_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(FORECAST, **changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"failing": 1.5}, "probability"),
        ({"loss_rate": -1.0}, "not negative"),
        ({"capacity_lost": float("nan")}, "finite"),
        ({"stall_square": 600.0}, "square of stall_s"),
    ],
)
def test_unusable_failure_regimes_are_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(REGIME, **changes)


@pytest.mark.parametrize(
    "changes",
    [{"start_delay_s": -1.0}, {"grow_pause_s": (1.0, float("nan"))}, {"shrink_pause_s": (-1.0, 0)}],
)
def test_unusable_plants_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        replace(PLANT, **changes)


def test_a_run_of_which_nothing_is_left_has_a_component_forecast() -> None:
    rest = replace(FORECAST, log_median=(), log_sd=(), share=(), spent_s=0.0)
    assert rest.tail_s == 2.0
