"""What a forecast says of several numbers of executors, for people who compare them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.box import SIMPLE
from rich.table import Table

from airflow_enel.domain import Forecast

_LOW, _HIGH = 0.1, 0.9
_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Alternative:
    """A number of executors, and how long the whole run is expected to take with it from now on.

    :param median_s: median runtime, from the start of the application
    :param low_s: lower end of the interval that holds the runtime in 80 % of all cases
    :param high_s: its upper end
    :param executor_seconds: at the median from now on, if the number stays
    :param miss_probability: None without a target
    """

    executors: int
    median_s: float
    low_s: float
    high_s: float
    executor_seconds: float
    miss_probability: float | None


def alternatives(
    forecast: Forecast, sizes: Iterable[int], elapsed_s: float, target_s: float | None
) -> tuple[Alternative, ...]:
    """What the forecast says of each size that it knows, ascending.

    :param elapsed_s: seconds that the run has taken already
    """
    return tuple(
        Alternative(
            executors=size,
            median_s=elapsed_s + forecast.median(size),
            low_s=elapsed_s + forecast.quantile(size, _LOW),
            high_s=elapsed_s + forecast.quantile(size, _HIGH),
            executor_seconds=size * forecast.median(size),
            miss_probability=None
            if target_s is None
            else forecast.miss_probability(size, target_s - elapsed_s),
        )
        for size in sorted(set(sizes) & set(forecast.executors))
    )


def handful(candidates: Sequence[int], wanted: Collection[int]) -> list[int]:
    """A few of the candidates: the wanted ones, both ends, and some evenly between, ascending."""
    steps = max(_SHOWN - 1, 1)
    even = {candidates[round(i * (len(candidates) - 1) / steps)] for i in range(_SHOWN)}
    near = {size for size in even for other in wanted if 0 < abs(size - other) < _least(candidates)}
    ends = {candidates[0], candidates[-1]}
    return sorted((even - near) | ends | (set(wanted) & set(candidates)))


def alternatives_table(rows: Iterable[Alternative], chosen: int) -> Table:
    """A table of them, in which an arrow shows the chosen size."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for heading in ("", "executors", "runtime", "80% of cases", "executor-seconds", "P(miss)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            "→" if row.executors == chosen else "",
            str(row.executors),
            f"{row.median_s:,.0f} s",
            f"{row.low_s:,.0f} – {row.high_s:,.0f} s",
            f"{row.executor_seconds:,.0f}",
            percent(row.miss_probability),
        )
    return table


def percent(probability: float | None) -> str:
    """A probability as people read it; empty for none. What is not certain is never shown so."""
    if probability is None:
        return ""
    shown = round(100 * probability)
    if shown == 0 and probability > 0:
        return "< 1%"
    if shown == 100 and probability < 1:  # noqa: PLR2004 - percent
        return "> 99%"
    return f"{shown}%"


def _least(candidates: Sequence[int]) -> float:
    """How far apart even sizes should be from wanted ones."""
    return len(candidates) / (2 * _SHOWN)
