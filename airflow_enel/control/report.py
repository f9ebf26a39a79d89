"""One line on a run, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_enel.domain import Forecast, Progress


def progress_line(
    progress: Progress,
    forecast: Forecast | None,
    target_s: float | None,
    expected_components: int | None,
) -> str:
    """How far a run is and how long it is expected to take at its present size.

    ``component 7/26 · 6 executors · 41 s elapsed · expected 118 s of 140 s``; what is not known
    is left out.
    """
    parts = [
        _component(progress, expected_components),
        f"{progress.executors} executor{'' if progress.executors == 1 else 's'}",
        f"{progress.elapsed_s:.0f} s elapsed",
        _expected(progress, forecast, target_s),
    ]
    return " · ".join(part for part in parts if part)


def _component(progress: Progress, expected: int | None) -> str:
    number = len(progress.finished) + (progress.running is not None)
    if not number:
        return ""
    # A run that has outgrown its history must not read as "27/26".
    return f"component {number}" + (f"/{expected}" if expected and number <= expected else "")


def _expected(progress: Progress, forecast: Forecast | None, target_s: float | None) -> str:
    if forecast is None or progress.requested not in forecast.executors:
        return "" if target_s is None else f"target {target_s:.0f} s"
    total_s = progress.elapsed_s + forecast.median(progress.requested)
    return f"expected {total_s:.0f} s" + ("" if target_s is None else f" of {target_s:.0f} s")
