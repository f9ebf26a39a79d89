"""Modes of the simulated cluster: what a change of executors does to an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mode:
    """How a cluster reacts when executors are asked for, released or lost.

    :param start_s: least and most seconds until a requested executor is there
    :param pause_s: for which every change of the number holds up the next component …
    :param pause_per_executor_s: … and for each executor that comes or goes
    :param releases: False if executors that are not needed any more stay all the same
    :param growth_gain: share of an executor's power that one adds which came after the start
    :param cache_lost_per_kill: executors' worth of cache that a kill takes until the end of the
        run; 0 if the executor that replaces a lost one makes up for it
    :param cold_start: True if new executors come without cached data and shuffle files, so that
        the next component that uses them waits until they are warm
    :param reshuffles: True if growth may cost the re-shuffle that the job describes
    """

    start_s: tuple[float, float] = (12.0, 30.0)
    pause_s: float = 2.0
    pause_per_executor_s: float = 0.1
    releases: bool = True
    growth_gain: float = 1.0
    cache_lost_per_kill: float = 0.0
    cold_start: bool = False
    reshuffles: bool = False


MODES: Final[dict[str, Mode]] = {
    "realistic": Mode(cold_start=True),
    "elastic": Mode(),
    "as-published": Mode(
        releases=False, growth_gain=0.1, cache_lost_per_kill=1.75, reshuffles=True
    ),
}


def find_mode(name: str) -> Mode:
    """The mode with a name.

    :raises ValueError: if there is none; names those that there are
    """
    if name not in MODES:
        raise ValueError(f"no mode {name!r}: there are {', '.join(MODES)}")
    return MODES[name]
