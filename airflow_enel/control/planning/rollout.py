"""Forward simulation of a plan: when it ends, what it costs and which sizes it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri  # type: ignore[import-untyped]

from airflow_enel.control.planning.first_action import reached_states
from airflow_enel.control.planning.programme import pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from airflow_enel.control.planning.durations import Durations
    from airflow_enel.control.planning.first_action import Actions, Present
    from airflow_enel.control.planning.programme import Programme

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

SAMPLES: Final = 128
_SEED: Final = 0  # the same plan is always rolled out the same way


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a plan is expected to come to if its first action is a certain one.

    :param miss_probability: 0…1
    :param executor_seconds: mean, from now on
    :param end_s: mean, from now on
    :param late_s: mean lateness, 0 for ends in time
    """

    miss_probability: float
    executor_seconds: float
    end_s: float
    late_s: float


def outlooks(
    programme: Programme, present: Present, actions: Actions, chosen: Sequence[int]
) -> list[Outlook]:
    """Roll a plan out from some of its first actions, all on the same chances.

    :param chosen: places of the actions, ``(A,)``
    """
    durations, plant = programme.durations, programme.plant
    chances = _Chances.of(durations)
    some = actions.only(np.array(chosen))
    reached = reached_states(durations, present, some, chances.z.T, plant.warm_up, chances.stall.T)
    sample = np.arange(SAMPLES)[:, None]
    case, action = chances.case[:, None], np.arange(len(chosen))
    state = _State(
        case=np.broadcast_to(case, (SAMPLES, len(chosen))),
        following=reached.following[sample, case, action],
        size=reached.place[case, action],
        at_s=reached.at_s[sample, case, action],
        cost=reached.executor_seconds[sample, case, action],
    )
    for k in range(1, len(durations.share)):
        _advance(programme, k, state, chances)
    at_s = state.at_s + programme.tail_s
    cost = state.cost + programme.tail_s * durations.sizes[state.size]
    late_s = at_s - programme.left_s
    means = (late_s > 0).mean(axis=0), cost.mean(axis=0), at_s.mean(axis=0)
    late = np.maximum(late_s, 0.0).mean(axis=0)
    return [Outlook(*map(float, row)) for row in zip(*means, late, strict=True)]


@dataclass(frozen=True, slots=True)
class _Chances:
    """What is drawn of the components, ``(m, samples)`` each.

    :param case: of the whole run, ``(samples,)``
    :param z: normal numbers of their durations
    :param comes: whether they come
    :param stall: uniform numbers of their losses
    """

    case: IndexArray
    z: FloatArray
    comes: NDArray[np.bool_]
    stall: FloatArray

    @classmethod
    def of(cls, durations: Durations) -> Self:
        count, even = len(durations.share), (np.arange(SAMPLES) + 0.5) / SAMPLES
        rng = np.random.default_rng(_SEED)
        z = ndtri(rng.permuted(np.tile(even, (count, 1)), axis=1))
        comes, stall = rng.random((2, count, SAMPLES))
        case = np.searchsorted(np.cumsum(durations.probability) - 1e-12, even)
        case = rng.permutation(np.minimum(case, durations.probability.size - 1))
        return cls(case, z, comes < durations.share[:, None], stall)


@dataclass(slots=True)
class _State:
    """Samples of each action, ``(samples, A)``.

    :param following: next component
    :param size: its place
    :param at_s: seconds from now
    :param cost: executor-seconds from now
    """

    case: IndexArray
    following: IndexArray
    size: IndexArray
    at_s: FloatArray
    cost: FloatArray


def _advance(programme: Programme, k: int, state: _State, chances: _Chances) -> None:
    """Carry those samples over a component that are before it.

    Growth is taken to come at the end of the component in which its delay is over.
    """
    durations, plant, case = programme.durations, programme.plant, state.case
    here = state.following == k
    before = state.size
    after = np.where(here, programme.best_next(k, case, before, state.at_s), before)
    moved = durations.sizes[after] - durations.sizes[before]
    grows = moved > 0
    grow_s = pause(plant.grow_pause_s, moved)
    pause_s = np.where(grows, grow_s, pause(plant.shrink_pause_s, -moved) * (moved < 0))
    slow_s, fast_s = (
        np.exp(
            durations.log_median[case, k, size] + chances.z[k, :, None] * durations.log_sd[k, size]
        )
        for size in (before, after)
    )
    wait_s = np.where(grows, np.maximum(plant.start_delay_s - grow_s, 0.0), 0.0)
    # Beyond a wait longer than the component only the rest counts for the next ones.
    part = np.clip(wait_s / slow_s, 0.0, 1.0)
    seconds = part * slow_s + (1 - part) * fast_s
    if durations.loss_rate.any():
        seconds += durations.losses(seconds, case).stalls(chances.stall[k, :, None])
    seconds *= here & chances.comes[k, :, None]
    there = durations.sizes[np.where(grows, before, after)]
    cost = there * pause_s + seconds * (
        part * durations.sizes[before] + (1 - part) * durations.sizes[after]
    )
    state.at_s += here * (pause_s + seconds)
    state.cost += here * cost
    state.size = after
    state.following = state.following + here
