"""Random states of runs with random proposals, and what a decision must not do in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from airflow_enel.control.guards import GUARDS, GuardContext, Limits
from airflow_enel.control.guards.apply import apply_guards
from airflow_enel.domain import (
    Bounds,
    Component,
    Decision,
    Forecast,
    Plant,
    Progress,
    Proposal,
    ScaleOut,
    ScaleRequest,
    Switches,
)
from tests.support.builders.snapshots import START

FAULTS: Final = (
    "bounds",
    "freshness",
    "cached data",
    "step",
    "cool-down",
    "budget",
    "reversals",
    "switches",
)


@dataclass(frozen=True)
class State:
    """A run at a barrier, and what a policy proposes there.

    :param sizes: the initial number and every one that was asked for since, with its moment
    """

    context: GuardContext
    proposed: int
    sizes: tuple[tuple[float, int], ...]

    @property
    def decision(self) -> Decision:
        return apply_guards(GUARDS, Proposal(self.proposed, ""), self.context, try_number=1)


def generated(seed: int, count: int) -> Iterator[State]:
    """So many states, always the same for a seed."""
    chance = Random(seed)  # noqa: S311 - no secret
    for _ in range(count):
        yield _state(chance)


def fault(state: State) -> str | None:
    """The first promise that the decision of a state breaks, None if it keeps all."""
    context, executors = state.context, state.decision.executors
    requested, limits = context.progress.requested, context.limits
    if not context.bounds.minimum <= executors <= context.bounds.maximum:
        return "bounds"
    if executors == requested or context.bounds.clamp(requested) != requested:
        return None
    if not context.progress.complete or context.progress.age_s > context.max_age_s:
        return "freshness"
    held = executors * limits.cache_share * context.progress.storage_bytes
    if executors < requested and 0 < held < context.progress.cached_bytes:
        return "cached data"
    moved = abs(executors - requested)
    ratio = max(executors, requested) / min(executors, requested)
    if moved > limits.step_executors and ratio > limits.step_factor:
        return "step"
    return _fault_of_change(state, executors)


def _fault_of_change(state: State, executors: int) -> str | None:
    context, limits = state.context, state.context.limits
    requested, switches = context.progress.requested, context.switches
    moves = [
        (at, after - before)
        for (_, before), (at, after) in zip(state.sizes, state.sizes[1:], strict=False)
        if after != before
    ]
    grows = executors > requested
    if len(moves) >= limits.changes - (not grows):
        return "budget"
    if switches.dry_run or (switches.pause_out if grows else switches.pause_in):
        return "switches"
    if not moves or (grows and _at_risk(context)):
        return None
    at, moved = moves[-1]
    plant = context.plant
    base_s, each_s = plant.grow_pause_s if moved > 0 else plant.shrink_pause_s
    if 0 <= context.now - at < limits.cool_down * (base_s + each_s * abs(moved)):
        return "cool-down"
    signs = [moved > 0 for _, moved in moves]
    turned = sum(a != b for a, b in zip(signs, [*signs[1:], grows], strict=True))
    if signs[-1] != grows and turned > limits.reversals:
        return "reversals"
    return None


def _at_risk(context: GuardContext) -> bool:
    forecast, requested = context.forecast, context.progress.requested
    if forecast is None or context.target_s is None or requested not in forecast.executors:
        return False
    left_s = context.target_s - context.progress.elapsed_s
    return forecast.miss_probability(requested, left_s) > context.risk


def _state(chance: Random) -> State:
    minimum = chance.randint(1, 8)
    bounds = Bounds(minimum, minimum + chance.choice((0, 1, 8, 60, 400)))
    inside = chance.random() < 0.9
    low, high = (bounds.minimum, bounds.maximum) if inside else (1, 2 * bounds.maximum)
    elapsed_s = chance.uniform(1.0, 2000.0)
    moments = sorted(START + chance.uniform(0.0, elapsed_s) for _ in range(chance.randint(0, 8)))
    sizes = [(START, chance.randint(low, high))]
    for at in moments:
        same = chance.random() < 0.3
        sizes.append((at, sizes[-1][1] if same else chance.randint(low, high)))
    context = GuardContext(
        progress=_progress(chance, sizes, elapsed_s),
        forecast=_forecast(chance, bounds) if chance.random() < 0.8 else None,
        target_s=chance.uniform(1.0, 3000.0) if chance.random() < 0.8 else None,
        bounds=bounds,
        max_age_s=30.0,
        now=START + elapsed_s + chance.choice((0.0, 0.0, 0.0, 600.0, -600.0)),
        plant=_plant(chance),
        risk=chance.choice((0.0, 0.05, 0.5)),
        limits=_limits(chance),
        switches=Switches(*(chance.random() < 0.1 for _ in range(3))),
    )
    proposed = chance.randint(-2, 2 * bounds.maximum)
    return State(context, proposed, tuple(sizes))


def _progress(chance: Random, sizes: list[tuple[float, int]], elapsed_s: float) -> Progress:
    executors = max(sizes[-1][1] - chance.choice((0, 0, 0, 1, 5)), 0)
    ends = sorted(START + chance.uniform(0.0, elapsed_s) for _ in range(chance.randint(0, 3)))
    return Progress(
        elapsed_s=elapsed_s,
        finished=tuple(_component(n, at, chance.randint(0, 12)) for n, at in enumerate(ends)),
        running=None,
        executors=executors,
        requested=sizes[-1][1],
        lost=chance.choice((0, 0, 1)),
        epoch=len(sizes),
        requests=tuple(ScaleRequest(size, 1, n, at) for n, (at, size) in enumerate(sizes[1:], 1)),
        age_s=chance.choice((0.0, 1.0, 30.0, 31.0)),
        complete=chance.random() < 0.95,
        initial=sizes[0][1],
        cached_bytes=chance.choice((0, 10, 500)) * 2**28,
        storage_bytes=chance.choice((0, 1, 10)) * 2**28,
    )


def _component(position: int, at: float, size: int) -> Component:
    scale_out = ScaleOut(size, size, 0.0, float(size))
    return Component(
        position, "step", position, position, at - 1.0, at, True, 1.0, scale_out, False, ()
    )


def _forecast(chance: Random, bounds: Bounds) -> Forecast:
    serial_s, work_s = chance.uniform(0.0, 500.0), chance.uniform(0.0, 20_000.0)
    # More candidates than these change nothing but the time that it takes.
    sizes = bounds.candidates[: chance.choice((1, 10, 500))]
    medians = tuple(serial_s + work_s / size for size in sizes)
    return Forecast("test", sizes, medians, (chance.choice((0.0, 0.1, 1.0)),) * len(sizes))


def _plant(chance: Random) -> Plant:
    grow, shrink = ((chance.uniform(0, 10), chance.uniform(0, 1)) for _ in range(2))
    return Plant(chance.uniform(0, 120), grow, shrink, chance.random() < 0.9, True)


def _limits(chance: Random) -> Limits:
    if chance.random() < 0.5:
        return Limits()
    return Limits(
        step_factor=chance.uniform(1.0, 8.0),
        step_executors=chance.randint(1, 40),
        cool_down=chance.uniform(0.0, 30.0),
        reversals=chance.randint(0, 4),
        changes=chance.randint(0, 8),
        patience_s=chance.uniform(0.0, 300.0),
        cap_s=chance.uniform(0.0, 900.0),
    )
