"""Forward simulation of a plan: when it ends, what it costs and which sizes it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtri  # type: ignore[import-untyped]

from airflow_enel.control.planning.first_action import reached_states
from airflow_enel.control.planning.programme import pause

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def outlook(programme: Programme, present: Present, actions: Actions, action: int) -> Outlook:
    """Roll a plan out from one of its first actions."""
    durations = programme.durations
    count = len(durations.share)
    rng = np.random.default_rng(_SEED)
    z = ndtri(rng.permuted(np.tile((np.arange(SAMPLES) + 0.5) / SAMPLES, (count, 1)), axis=1))
    comes = rng.random((count, SAMPLES)) < durations.share[:, None]
    case = np.searchsorted(
        np.cumsum(durations.probability) - 1e-12, (np.arange(SAMPLES) + 0.5) / SAMPLES
    )
    case = rng.permutation(np.minimum(case, durations.probability.size - 1))
    reached = reached_states(durations, present, actions, z[0], programme.plant.warm_up)
    sample = np.arange(SAMPLES)
    state = _State(
        reached.following[sample, case, action].copy(),
        np.full(SAMPLES, actions.place[action]),
        reached.at_s[sample, case, action].copy(),
        reached.executor_seconds[sample, case, action].copy(),
    )
    for k in range(1, count):
        _advance(programme, k, state, case, z[k], comes[k])
    at_s = state.at_s + programme.tail_s
    cost = state.cost + programme.tail_s * durations.sizes[state.size]
    late_s = at_s - programme.left_s
    return Outlook(
        miss_probability=float((late_s > 0).mean()),
        executor_seconds=float(cost.mean()),
        end_s=float(at_s.mean()),
        late_s=float(np.maximum(late_s, 0.0).mean()),
    )


@dataclass(slots=True)
class _State:
    """Samples: next component, place of the size, seconds from now and executor-seconds."""

    following: IndexArray
    size: IndexArray
    at_s: FloatArray
    cost: FloatArray


def _advance(
    programme: Programme,
    k: int,
    state: _State,
    case: IndexArray,
    z: FloatArray,
    comes: NDArray[np.bool_],
) -> None:
    """Carry those samples over a component that are before it.

    Growth is taken to come at the end of the component in which its delay is over.
    """
    durations, plant = programme.durations, programme.plant
    here = state.following == k
    before = state.size
    after = np.where(here, programme.best_next(k, case, before, state.at_s), before)
    moved = durations.sizes[after] - durations.sizes[before]
    shrink_s = pause(plant.shrink_pause_s, -moved)
    grow_s = pause(plant.grow_pause_s, moved)
    pause_s = np.where(moved < 0, shrink_s, np.where(moved > 0, grow_s, 0.0))
    log_s = durations.log_median[case, k] + z[:, None] * durations.log_sd[k]
    slow_s, fast_s = (
        np.exp(np.take_along_axis(log_s, size[:, None], axis=1)[:, 0]) for size in (before, after)
    )
    wait_s = np.where(moved > 0, np.maximum(plant.start_delay_s - grow_s, 0.0), 0.0)
    # Beyond a wait longer than the component only the rest counts for the next ones.
    part = np.clip(wait_s / slow_s, 0.0, 1.0)
    seconds = part * slow_s + (1 - part) * fast_s
    stall_s = durations.loss_rate[case] * durations.stall_s * seconds
    seconds = np.where(here & comes, seconds + stall_s, 0.0)
    there = durations.sizes[np.where(moved > 0, before, after)]
    cost = there * pause_s + seconds * (
        part * durations.sizes[before] + (1 - part) * durations.sizes[after]
    )
    state.at_s += np.where(here, pause_s + seconds, 0.0)
    state.cost += np.where(here, cost, 0.0)
    state.size = np.where(here, after, before)
    state.following = np.where(here, k + 1, state.following)
