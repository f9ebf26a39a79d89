"""Lines on a run for the log of its task: its progress, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_enel.domain import Forecast, Progress, RunOutcome

_NO_TIME: Final = "no time was left"


def progress_line(
    progress: Progress,
    forecast: Forecast | None,
    target_s: float | None,
    expected_components: int | None,
) -> str:
    """How far a run is and how long it is expected to take at its present size.

    ``component 7 of 26 · 6 executors · 41 s elapsed · 118 s expected in all, target 140 s``; what
    is not known is left out.
    """
    parts = [
        _component(progress, expected_components),
        _counted(progress.executors, "executor"),
        f"{progress.elapsed_s:.0f} s elapsed",
        _expected(progress, forecast, target_s),
    ]
    return " · ".join(part for part in parts if part)


def outcome_line(outcome: RunOutcome, target_s: float | None, components: int | None) -> str:
    """How a run ended.

    ``succeeded · 26 components · 118 s of the target of 140 s · 1 rescale · 708 executor-seconds``;
    what is not known is left out.

    :param components: how many have finished, None if unknown
    """
    parts = [
        outcome.state.value,
        "" if components is None else _counted(components, "component"),
        _runtime(outcome, target_s),
        _counted(outcome.rescales, "rescale"),
        f"{outcome.executor_seconds:.0f} executor-seconds",
    ]
    return " · ".join(part for part in parts if part)


def _component(progress: Progress, expected: int | None) -> str:
    number = len(progress.finished) + (progress.running is not None)
    if not number:
        return ""
    # A run that has outgrown its history must not read as "27 of 26".
    return f"component {number}" + (f" of {expected}" if expected and number <= expected else "")


def _expected(progress: Progress, forecast: Forecast | None, target_s: float | None) -> str:
    target = "" if target_s is None else f"target {target_s:.0f} s" if target_s else _NO_TIME
    if forecast is None or progress.requested not in forecast.executors:
        return target
    total_s = progress.elapsed_s + forecast.median(progress.requested)
    return f"{total_s:.0f} s expected in all" + (f", {target}" if target else "")


def _runtime(outcome: RunOutcome, target_s: float | None) -> str:
    if outcome.runtime_s is None:
        return "runtime unknown"
    ran = f"{outcome.runtime_s:.0f} s"
    if target_s is None:
        return ran
    if not target_s:
        return f"{ran}, {_NO_TIME}"
    if outcome.runtime_s > target_s:
        late_s = outcome.runtime_s - target_s
        return f"{ran}, {f'{late_s:.0f}' if late_s >= 1 else 'less than 1'} s more than the target"
    return f"{ran} of the target of {target_s:.0f} s"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
