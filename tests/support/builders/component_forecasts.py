"""Component forecasts of jobs whose curves are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log

from hypothesis import strategies as st

from airflow_enel.domain import ComponentForecast, FailureRegime, Plant

PLANT = Plant(20.0, (2.0, 0.1), (2.0, 0.1), can_shrink=True)
CALM = FailureRegime(0.0, 0.0, 25.0, 900.0, 0.0)
SIZES = tuple(range(2, 13))
FEW_SIZES = tuple(range(2, 11))  # so few that planners take all of them

Curve = Callable[[int], float]


def flat(seconds: float) -> Curve:
    return lambda _: seconds


def parallel(executor_seconds: float) -> Curve:
    return lambda executors: executor_seconds / executors


def component_forecast(
    curves: Sequence[Curve],
    sizes: Sequence[int] = SIZES,
    log_sd: float = 0.1,
    share: float = 1.0,
    spent_s: float = 0.0,
    tail_s: float = 0.0,
    failures: FailureRegime = CALM,
    plant: Plant = PLANT,
    overrun: float = 0.0,
    correlation: float = 0.0,
) -> ComponentForecast:
    return ComponentForecast(
        executors=tuple(sizes),
        log_median=tuple(tuple(log(curve(s)) for s in sizes) for curve in curves),
        log_sd=tuple(tuple(log_sd for _ in sizes) for _ in curves),
        share=tuple(share for _ in curves),
        spent_s=spent_s,
        tail_s=tail_s,
        failures=failures,
        plant=plant,
        overrun=overrun,
        correlation=(correlation,) * len(sizes) if correlation else (),
    )


@st.composite
def component_forecasts(draw: st.DrawFn) -> ComponentForecast:
    """Jobs of any shape, on clusters and in phases of any kind."""
    seconds = st.floats(0.1, 300.0)
    curves = draw(st.lists(st.builds(_curve, seconds, seconds), min_size=1, max_size=6))
    stall_s = draw(st.floats(0.0, 60.0))
    return component_forecast(
        curves,
        sizes=FEW_SIZES,
        log_sd=draw(st.floats(0.0, 0.6)),
        share=draw(st.floats(0.05, 1.0)),
        spent_s=draw(st.floats(0.0, 100.0)),
        tail_s=draw(st.floats(0.0, 20.0)),
        failures=FailureRegime(
            draw(st.floats(0.0, 1.0)),
            draw(st.floats(0.0, 0.02)),
            stall_s,
            stall_s**2 * draw(st.floats(1.0, 3.0)),
            draw(st.sampled_from((0.0, 1.75))),
        ),
        plant=Plant(
            draw(st.floats(0.0, 90.0)),
            (draw(st.floats(0.0, 10.0)), 0.1),
            (draw(st.floats(0.0, 10.0)), 0.1),
            can_shrink=draw(st.booleans()),
            growth_gain=draw(st.floats(0.0, 1.0)),
            warm_up=draw(st.integers(0, 2)),
        ),
        correlation=draw(st.sampled_from((0.0, 0.3, 1.0))),
    )


def _curve(fixed_s: float, executor_seconds: float) -> Curve:
    return lambda executors: fixed_s + executor_seconds / executors
