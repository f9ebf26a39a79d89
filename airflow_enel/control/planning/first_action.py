"""First action of a plan: the present state, with a component half done and executors coming."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtri  # type: ignore[import-untyped]

from airflow_enel.control.planning.programme import pause

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from airflow_enel.control.planning.durations import Durations
    from airflow_enel.control.planning.programme import Programme
    from airflow_enel.domain import Plant

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

_LEAST_REST = 1e-3


@dataclass(frozen=True, slots=True)
class Present:
    """Executors of a run at this moment.

    :param executors: that take tasks
    :param requested: last asked for
    :param pending_s: seconds until those come that were asked for and are not there
    :param spent_s: seconds that the first component has taken
    """

    executors: int
    requested: int
    pending_s: float
    spent_s: float


@dataclass(frozen=True, slots=True)
class Actions:
    """Sizes that can be asked for now, ``(A,)`` each.

    :param place: of the size among those that are planned with
    :param wait_s: until it works; 0 if at once
    :param pause_s: for which the change holds up work
    :param pause_executors: that are there during the pause
    """

    place: IndexArray
    wait_s: FloatArray
    pause_s: FloatArray
    pause_executors: FloatArray

    @classmethod
    def at_start(cls, durations: Durations) -> Actions:
        """Every size, before the application is submitted."""
        none = np.zeros(durations.sizes.size)
        return cls(np.arange(durations.sizes.size), none, none, none)

    @classmethod
    def of(cls, durations: Durations, plant: Plant, present: Present) -> Actions:
        """What each size would take from here on, as far as the cluster can do it."""
        sizes, now, asked = durations.sizes, present.executors, present.requested
        pending = max(asked - now, 0)
        grows, shrinks = sizes > max(now, asked), sizes < min(now, asked)
        possible = (sizes == asked) | ((sizes > now) & (sizes < asked)) | (sizes == now)
        possible |= grows | shrinks & plant.can_shrink
        sizes, grows, shrinks = sizes[possible], grows[possible], shrinks[possible]
        grow_s = pause(plant.grow_pause_s, sizes - max(asked, now))
        shrink_s = pause(plant.shrink_pause_s, now - sizes)
        pause_s = np.where(grows, grow_s, np.where(shrinks, shrink_s, 0.0))
        # Some executors come when they were to come anyway, the others after the whole delay.
        delay_s = np.maximum(plant.start_delay_s, pause_s)
        more = np.maximum(sizes - now, 1)
        mean_s = (pending * present.pending_s + (more - pending) * delay_s) / more
        wait_s = np.where(grows, mean_s, np.where(sizes > now, present.pending_s, 0.0))
        staying = np.where(shrinks, sizes, float(now))
        return cls(np.flatnonzero(possible), wait_s, pause_s, staying)

    def only(self, chosen: IndexArray) -> Actions:
        """Some of them, by their places among these."""
        return Actions(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Reached:
    """States at the end of the component in which an action takes effect, ``(Z, R, A)`` each.

    :param place: of the size from then on, ``(R, A)``
    :param following: the next component
    :param at_s: seconds from now
    :param executor_seconds: until then
    """

    place: IndexArray
    following: IndexArray
    at_s: FloatArray
    executor_seconds: FloatArray


def reached_states(
    durations: Durations,
    present: Present,
    actions: Actions,
    z: FloatArray,
    warm_up: int,
    chance: FloatArray | None = None,
) -> Reached:
    """Follow actions to the end of the component in which they take effect.

    :param z: normal points of the durations, ``(Z,)``, the same for all components spanned, or
        ``(Z, m)``
    :param chance: uniform numbers by which losses stall each, ``(Z, m)``; None for mean stalls
    :return: of shape ``(Z, R, A)``
    """
    now = durations.index(present.executors)
    seconds = durations.seconds(z)  # (Z, R, m, S)
    left = _left_of_first(durations, now, present.spent_s, z[:, 0] if z.ndim > 1 else z)
    seconds[:, :, 0, :] *= left[..., None]
    if chance is None:
        seconds += durations.expected_stalls(seconds)
    else:
        for case in np.flatnonzero(durations.loss_rate).tolist():
            losses = durations.losses(seconds[:, case], case)
            seconds[:, case] += losses.stalls(chance[:, :, None])
    seconds *= durations.share[:, None]
    # Where executors do not come, to ask for more is to keep those that are there.
    grows = (actions.wait_s > 0) & durations.grows[:, None]  # (R, A)
    asks = (actions.wait_s > 0) & ~durations.grows[:, None]
    place = np.where(asks, now, actions.place)
    pause_s = np.where(asks, 0.0, actions.pause_s)
    work_s = np.where(asks, 0.0, np.maximum(actions.wait_s - actions.pause_s, 0.0))
    here = seconds[..., now]
    ends_s = np.cumsum(here, axis=2)
    component = (ends_s[..., None] <= work_s[:, None, :]).sum(axis=2)  # (Z, R, A)
    over = component == ends_s.shape[2]
    component = np.minimum(component, ends_s.shape[2] - 1)
    begin_s = np.take_along_axis(ends_s - here, component, axis=2)
    whole_s = np.take_along_axis(here, component, axis=2)
    undone = 1 - np.clip((work_s - begin_s) / np.maximum(whole_s, 1e-9), 0.0, 1.0)
    every = np.arange(seconds.shape[1])[None, :, None]
    point = np.arange(len(z))[:, None, None]
    helped = np.where(grows & (warm_up > 0), now, place)
    rest_s = undone * seconds[point, every, component, helped]
    following = component + 1
    for _ in range(1, warm_up):
        lasting = seconds[point, every, np.minimum(following, ends_s.shape[2] - 1), now]
        rest_s += np.where(grows & (following < ends_s.shape[2]), lasting, 0.0)
        following = np.where(grows, np.minimum(following + 1, ends_s.shape[2]), following)
    rest_s = np.where(over, 0.0, rest_s)
    before_s = np.where(over, ends_s[:, :, -1:], work_s)
    cost = actions.pause_executors * pause_s + present.executors * before_s
    cost = cost + durations.sizes[place] * rest_s
    return Reached(place, following, pause_s + before_s + rest_s, cost)


def expected_prices(
    programme: Programme, actions: Actions, reached: Reached, weights: FloatArray
) -> FloatArray:
    """Expected price of each action and all that follows, ``(A,)``.

    :param weights: of the points of the reached states, ``(Z,)``
    """
    case = np.arange(reached.at_s.shape[1])[None, :, None]
    value = programme.value(reached.following, case, reached.place, reached.at_s)
    price = reached.executor_seconds + value
    price += programme.prices.miss * programme.durations.untried[0, actions.place]
    probability = programme.durations.probability
    expected: FloatArray = np.einsum("zra,z,r->a", price, weights, probability)
    return expected


def _left_of_first(durations: Durations, now: int, spent_s: float, z: FloatArray) -> FloatArray:
    """Share of the first component that is left at points of its time given what it has taken.

    :return: ``(Z, R)``, in units of its unconditioned seconds at the same points
    """
    if spent_s <= 0:
        return np.ones((len(z), durations.probability.size))
    mu = durations.log_median[:, 0, now]
    sd = max(float(durations.log_sd[0, now]), 1e-6)
    far = (np.log(spent_s) - mu) / sd  # (R,)
    # Φ⁻¹ of the upper tail beyond ``far``, by its logarithm, where the tail itself would be 0.
    log_tail = log_ndtr(-far) + log_ndtr(-z[:, None])
    beyond = -ndtri(np.exp(np.maximum(log_tail, -700.0)))
    total_s = np.exp(np.minimum(mu + sd * np.maximum(beyond, far), 700.0))
    rest_s = np.maximum(total_s - spent_s, _LEAST_REST * spent_s)
    left: FloatArray = rest_s / np.exp(mu + sd * z[:, None])
    return left
