"""Exploration: one component of a run with fewer executors than ever, if the target allows it.

A plan goes only where it expects to gain, so a size that no past run has tried would stay unknown,
however cheap it is. A run that tries it with a single component teaches as much of it as a whole
run, and leaves the time to make up for it.
"""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, Final

from airflow_enel.control.planning.durations import smallest_to_try

if TYPE_CHECKING:
    from airflow_enel.control.planning.plan import Plan
    from airflow_enel.control.planning.rollout import Outlook
    from airflow_enel.domain import Bounds, ComponentForecast

COMPONENTS_PER_RUN: Final = 1
"""That explore at most. With three, simulated jobs missed about twice as many of their first ten
targets, and were no cheaper later."""
MARGIN: Final = 0.1
"""Of the time left, that must remain if what is tried takes as long as perfectly divisible work."""
HALF: Final = 0.5
"""Probability to miss from which on nothing is tried."""


def size_to_explore(forecast: ComponentForecast, bounds: Bounds) -> int | None:
    """A size for the next component, below those that it has run with, None if there is none."""
    if not forecast.fewest_executors or forecast.explored >= COMPONENTS_PER_RUN:
        return None
    fewest = forecast.fewest_executors[0]
    size = bounds.clamp(smallest_to_try(fewest))
    return size if size < fewest and size in forecast.executors else None


def may_explore(
    size: int, found: Plan, planned: Outlook, forecast: ComponentForecast, risk: float
) -> bool:
    """Whether the target allows to try a size.

    Either the run stays in time, by what is expected and even if the component takes as long as
    perfectly divisible work would. Or the run is at risk at any known size: then what is not known
    is the only way out, and may add the accepted risk to that.

    :param planned: what the best plan is expected to come to
    """
    if size not in found.sizes or size >= found.size or planned.miss_probability > HALF:
        return False
    outlook = found.outlook(size)
    if planned.miss_probability > risk:
        return outlook.miss_probability <= planned.miss_probability + risk
    fewest = forecast.fewest_executors[0]
    if fewest not in forecast.executors:
        return False
    known_s = exp(forecast.log_median[0][forecast.executors.index(fewest)])
    slowest_s = planned.end_s + (fewest / size - 1) * known_s
    return outlook.miss_probability <= risk and slowest_s <= (1 - MARGIN) * found.programme.left_s
