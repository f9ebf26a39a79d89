"""The chain of tasks in a DAG that takes longest: pure arithmetic on graph and durations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

QUANTILE: Final = 0.8
"""Of past durations that time is kept free for: a mean would be too short in every other run."""

Successors = Mapping[str, Collection[str]]
"""Task ids that follow directly, by task id."""


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """A chain of tasks, in their order, and the seconds they take."""

    tasks: tuple[str, ...]
    seconds: float


def descendants(successors: Successors, task_id: str) -> frozenset[str]:
    """All tasks that follow a task, directly or not."""
    found: set[str] = set()
    waiting = list(successors.get(task_id, ()))
    while waiting:
        task = waiting.pop()
        if task not in found:
            found.add(task)
            waiting.extend(successors.get(task, ()))
    return frozenset(found)


def critical_path(
    successors: Successors, task_id: str, seconds: Mapping[str, float]
) -> CriticalPath:
    """The chain after a task that takes longest; tasks that take no time are left out of it.

    :param successors: of a graph without cycles
    :param seconds: by task id, 0 for those that are not in it
    """
    order = _topological(successors, task_id)
    longest: dict[str, float] = {}
    then: dict[str, str | None] = {}
    for task in reversed(order):
        after = max(successors.get(task, ()), key=lambda t: (longest[t], t), default=None)
        own_s = 0.0 if task == task_id else seconds.get(task, 0.0)
        longest[task] = own_s + (0.0 if after is None else longest[after])
        then[task] = after
    chain: list[str] = []
    following = then[task_id]
    while following is not None:
        if seconds.get(following, 0.0) > 0:
            chain.append(following)
        following = then[following]
    return CriticalPath(tuple(chain), longest[task_id])


def high_quantile(values: Collection[float]) -> float:
    """The least of some values that `QUANTILE` of them do not exceed.

    :raises ValueError: if there are none
    """
    if not values:
        raise ValueError("no values")
    return sorted(values)[ceil(QUANTILE * len(values)) - 1]


def _topological(successors: Successors, task_id: str) -> list[str]:
    """A task and all that follow, each before those that follow it."""
    reached = descendants(successors, task_id) | {task_id}
    missing = dict.fromkeys(reached, 0)
    for task in reached:
        for after in successors.get(task, ()):
            missing[after] += 1
    order, ready = [], [task_id]
    while ready:
        order.append(task := ready.pop())
        for after in successors.get(task, ()):
            missing[after] -= 1
            if not missing[after]:
                ready.append(after)
    return order
