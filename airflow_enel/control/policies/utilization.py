"""Policy ``utilization``: sizes a run by how busy its task slots are, without a deadline.

For iterative jobs. At a barrier the components that repeat are those since the latest one with
the key of the next component, this one included: in one run a load, then iterations of two kinds
may follow each other, and the load says nothing about the iterations. By the statistics of their
tasks:

- More executors, by half at most, while the time saved is at least half of what as many slots
  more could save. That implies that tasks wait for slots.
- Fewer executors, as long as none of these components takes more than 2 % longer than on the most
  executors that the run was granted. So the tolerances of several barriers do not add up. They
  come back where one would take more than twice that longer: task durations vary.

While nothing like the next component has finished the size is kept.
Source: "Continuously Improving the Resource Utilization of Iterative Parallel Dataflows", 2016.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.base import Policy
from airflow_enel.control.policies.stage_times import ComponentModel
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.control.policies.base import PolicyContext, StartContext
    from airflow_enel.domain import Bounds, Component, Progress

TOLERANCE: Final = 0.02
"""By which share a component may take longer on fewer executors."""
MOST_GROWTH: Final = 1.5
"""Factor by which a size may grow at one barrier; one executor more is always possible."""
WORTHWHILE: Final = 0.5
"""Share of the ideal speedup from which on more executors are worth it."""


def propose(context: PolicyContext, tolerance: float = TOLERANCE) -> Proposal:
    """Start with the last size of the past, later grow or release executors."""
    if context.start is not None:
        return _initial(context.start, context.bounds)
    progress = context.progress
    now = context.bounds.clamp(progress.requested)
    if progress.executors < progress.requested or not progress.slots:
        return Proposal(now, "executors that were asked for have not come yet")
    repeating = repeating_components(progress)
    if not repeating:
        return Proposal(now, "no component like the next one has finished yet")
    slots_per_executor = progress.slots / progress.executors
    models = [ComponentModel.of(component, slots_per_executor) for component in repeating]
    known = [model for model in models if model is not None]
    if len(known) < len(models):
        return Proposal(now, "the durations of some tasks are not known")
    return _resized(_Cycle(known, slots_per_executor), progress, now, context.bounds, tolerance)


def repeating_components(progress: Progress) -> Sequence[Component]:
    """Finished components from the latest one with the key of the next on; none without such.

    If none runs, the next is taken to be what followed the last time.
    """
    finished = progress.finished
    keys = [component.key for component in finished]
    if progress.running is not None:
        following = progress.running.key
    elif keys and keys[-1] in keys[:-1]:
        following = keys[_last(keys[:-1], keys[-1]) + 1]
    else:
        return ()
    return finished[_last(keys, following) :] if following in keys else ()


def _last(keys: list[str], key: str) -> int:
    return len(keys) - 1 - keys[::-1].index(key)


@dataclass(frozen=True, slots=True)
class _Cycle:
    """Components that repeat."""

    models: Sequence[ComponentModel]
    slots_per_executor: float

    def stages_s(self, executors: int) -> list[float]:
        """Modelled seconds of the stages of each."""
        slots = max(int(executors * self.slots_per_executor), 1)
        return [model.stages_s(slots) for model in self.models]

    def total_s(self, executors: int) -> float:
        """Modelled seconds of all of them."""
        return sum(self.stages_s(executors)) + sum(model.other_s for model in self.models)


def _initial(start: StartContext, bounds: Bounds) -> Proposal:
    """The size with which the latest past run ended, else the given one, else the largest."""
    latest = max(start.past_runs, key=lambda run: run.started_at, default=None)
    if latest is not None:
        sizes = [c.scale_out.end for c in latest.components if c.scale_out.end > 0]
        last = sizes[-1] if sizes else latest.initial_executors
        return Proposal(bounds.clamp(last), f"the latest run ended with {last}")
    if start.given_executors is not None:
        return Proposal(bounds.clamp(start.given_executors), "as given by num_executors")
    return Proposal(bounds.maximum, "no past run and no num_executors, so the largest size")


def _resized(
    cycle: _Cycle, progress: Progress, now: int, bounds: Bounds, tolerance: float
) -> Proposal:
    granted = max(progress.initial, *(request.executors for request in progress.requests), now)
    most = bounds.clamp(granted)
    limit = min(max(floor(MOST_GROWTH * now), now + 1), bounds.maximum)
    enough = _smallest_within(cycle, most, bounds, tolerance)
    size, why = now, "fewer would take longer, more would gain too little"
    if now < _smallest_within(cycle, most, bounds, 2 * tolerance):
        size, why = min(enough, limit), f"too many of {most} executors have been released"
    elif now == most and (grown := _fastest_worthwhile(cycle, now, limit, tolerance)) > now:
        size, why = grown, "all slots are busy"
    elif enough < now:
        size, why = enough, f"no component takes {tolerance:.0%} longer than with {most}"
    seconds = f"{cycle.total_s(now):.3g} s on {now}"
    if size != now:
        seconds += f", {cycle.total_s(size):.3g} s on {size}"
    return Proposal(size, f"{why}: {seconds} for what repeats")


def _smallest_within(cycle: _Cycle, most: int, bounds: Bounds, tolerance: float) -> int:
    """The smallest size at which no component takes longer than the tolerance allows."""
    allowed_s = [(1.0 + tolerance) * seconds for seconds in cycle.stages_s(most)]

    def is_enough(size: int) -> bool:  # as is every larger size
        return all(s <= a for s, a in zip(cycle.stages_s(size), allowed_s, strict=True))

    sizes = range(bounds.minimum, most + 1)
    return sizes[bisect_left(sizes, True, key=is_enough)]


def _fastest_worthwhile(cycle: _Cycle, now: int, limit: int, tolerance: float) -> int:
    """The size from which most is gained of those that are worth it, the present one if none."""
    now_s = cycle.total_s(now)

    def is_worthwhile(size: int) -> bool:
        least_speedup = 1.0 + max(tolerance, WORTHWHILE * (size / now - 1.0))
        return now_s > least_speedup * cycle.total_s(size)

    worthwhile = [size for size in range(now + 1, limit + 1) if is_worthwhile(size)]
    return min(worthwhile, key=cycle.total_s, default=now)


UTILIZATION: Final = Policy("utilization", propose, needs_target=False)
