"""Plans the executors of the rest of a run, and values every size that can be asked for now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.control.planning.durations import POINTS, SIZES, WEIGHTS, Durations
from airflow_enel.control.planning.first_action import (
    Actions,
    Present,
    expected_prices,
    reached_states,
)
from airflow_enel.control.planning.programme import TIMES, Moments, Programme
from airflow_enel.control.planning.rollout import Outlook, outlooks

if TYPE_CHECKING:
    from airflow_enel.control.planning.prices import Prices
    from airflow_enel.domain import ComponentForecast

LEAST_GAIN: Final = 0.01
"""Share of the price of keeping that a change must gain, besides the price of a change."""
LEAST_GROWTH_GAIN: Final = 0.85
"""Share of the promised speed-up below which no run is started smaller in order to grow later."""
HOPELESS: Final = 0.99
"""Probability to miss at every size from which on only lateness counts."""


@dataclass(frozen=True)
class Plan:
    """Expected prices of the sizes that can be asked for now.

    :param sizes: ascending
    :param prices: executor-seconds and priced lateness from now on, of each
    :param untried: the one of them that no past run has tried and that was asked for
    """

    sizes: tuple[int, ...]
    prices: tuple[float, ...]
    programme: Programme
    present: Present
    actions: Actions
    untried: int | None = None

    @property
    def cheapest(self) -> int:
        """The size with the least price."""
        return self.sizes[int(np.argmin(self.prices))]

    @cached_property
    def size(self) -> int:
        """The cheapest size, or what was asked for already if that costs hardly more."""
        asked = self.present.requested
        if asked not in self.sizes:
            return self.cheapest
        keep = self.prices[self.sizes.index(asked)]
        gain = keep - min(self.prices)
        least = self.programme.prices.change + LEAST_GAIN * abs(keep)
        return self.cheapest if gain > least else asked

    def outlook(self, size: int) -> Outlook:
        """What the run is expected to come to if this size is asked for now."""
        usual = self._usual_outlooks
        return usual[size] if size in usual else self._outlooks([size])[size]

    @cached_property
    def _usual_outlooks(self) -> dict[int, Outlook]:
        """Of the sizes that a decision tells of, all at once: that takes little longer than one."""
        told = {self.size, self.present.requested, self.untried}
        return self._outlooks([size for size in self.sizes if size in told])

    def _outlooks(self, sizes: list[int]) -> dict[int, Outlook]:
        places = [self.sizes.index(size) for size in sizes]
        found = outlooks(self.programme, self.present, self.actions, places)
        return dict(zip(sizes, found, strict=True))


def plan(
    forecast: ComponentForecast,
    prices: Prices,
    present: Present,
    left_s: float,
    lost: int = 0,
    untried: int | None = None,
    sizes: int = SIZES,
    times: int = TIMES,
) -> Plan:
    """Plan from the present state.

    :param forecast: with a component to come at least, the running one first
    :param present: both its sizes are among those of the forecast
    :param left_s: seconds until the target, negative once it is missed
    :param lost: executors lost so far
    :param untried: size that must be among those of the plan
    :param sizes: how many are planned with, besides those that must be
    :param times: how many moments are planned with
    """
    needed = {size for size in (present.executors, present.requested, untried) if size}
    durations = Durations.of(forecast, needed, lost, sizes)
    moments = Moments.of(prices.target_s, left_s, times)
    plant = forecast.plant
    # What a running application gains from growth is in its forecast. Before the start it is not.
    can_grow = present.executors > 0 or plant.growth_gain >= LEAST_GROWTH_GAIN
    programme = Programme(
        durations, plant, prices, left_s, forecast.tail_s, moments, can_grow=can_grow
    )
    actions = (
        Actions.of(durations, plant, present) if present.executors else Actions.at_start(durations)
    )
    reached = reached_states(durations, present, actions, POINTS, plant.warm_up)
    expected = expected_prices(programme, actions, reached, WEIGHTS)
    possible = tuple(durations.sizes[actions.place].tolist())
    return Plan(possible, tuple(expected.tolist()), programme, present, actions, untried)
