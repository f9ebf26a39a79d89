"""Learns from past runs what a change of executors takes and does, for planners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain import Plant
from airflow_enel.domain.changes import changes_of
from airflow_enel.predict.deviations import surely_most_probable
from airflow_enel.predict.pauses import UsualGaps, gaps_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_enel.domain import Component, PastRun
    from airflow_enel.domain.changes import Change
    from airflow_enel.predict.deviations import Deviations

USUAL_DELAY_S: Final = 21.0
"""From a request to the executors, before any was seen: the mean of the calibrated simulator."""
USUAL_PAUSE_S: Final = (2.0, 0.1)
"""Base and per executor, likewise."""
ENOUGH_COMPONENTS: Final = 15
"""That tell what executors do, from which on they can change what a planner does."""

_DELAYS = 2  # usual ones, as if they had been seen
_PAUSES = 1.0  # usual ones without and with ten executors, as if so many of each had been seen
_MANY = 10
_LONGEST_PAUSE_S = 300.0  # more is no pause but trouble
_SURE_S = 60.0  # executors that are still there so long after they were asked to go will stay
_WENT, _STAYED = 3, 1  # requests, as if they had been seen
_HELPED = 2.0  # growths that helped, as if they had been seen
_MOST_HELP = 1.5  # what one run can say
_OF_A_RUN = 4.0  # components by which a run is half believed …
_LEVEL_SD = 0.3  # … and mean log seconds promised, since its level may have changed


def learn_plant(deviations: Deviations, gaps: UsualGaps) -> Plant:
    """Learn the plant from past runs of one recurring job.

    Times are robust means that begin with usual values as pseudo-counts. That executors cannot be
    released is believed when three requests more have failed than have come true.
    Only runs that have lost no executor count: what a loss does is no effect of a request.
    """
    delays = [USUAL_DELAY_S] * _DELAYS
    went, stayed = _WENT, _STAYED
    pauses: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for run in deviations.runs:
        changes = changes_of(run.initial_executors, run.requests)
        if not changes or run.executors_lost:
            continue
        for change, rest in _with_what_followed(run, changes):
            if change.after > change.before:
                delays += _arrival_s(change, rest)
            else:
                released = _released(change, rest)
                went, stayed = went + (released is True), stayed + (released is False)
        for gap in gaps_of(run.components, changes):
            if len(gap.changes) == 1:
                (change,) = gap.changes
                moved = abs(change.after - change.before)
                pauses[change.after > change.before].append((moved, gaps.excess_s(gap)))
    return Plant(
        start_delay_s=float(np.median(delays)),
        grow_pause_s=_pause(pauses[True]),
        shrink_pause_s=_pause(pauses[False]),
        can_shrink=went >= stayed,
        growth_gain=growth_gain(deviations),
        warm_up=_warm_up(deviations),
    )


def _with_what_followed(
    run: PastRun, changes: Sequence[Change]
) -> Iterator[tuple[Change, list[Component]]]:
    """Each change that came to a settled run, with the components until the next change.

    The component that ran when it was requested is one of them.
    """
    finished = [(c.finished_at, c) for c in run.components if c.finished_at is not None]
    finished.sort(key=lambda of: (of[0], of[1].position))
    ends = [*(change.at for change in changes[1:]), np.inf]
    for change, until in zip(changes, ends, strict=True):
        before = [c for at, c in finished if at <= change.at]
        if before and before[-1].scale_out.end == change.before:  # else something is on its way
            yield change, [c for at, c in finished if change.at < at <= until]


def _arrival_s(change: Change, rest: Sequence[Component]) -> list[float]:
    """Mean seconds until the executors that were asked for came; empty unless all have come."""
    missing_s, asked = 0.0, change.after - change.before
    latest, there = change.at, float(change.before)
    for component in rest:
        if component.finished_at is None:
            continue
        size = component.scale_out
        # Between two components nothing was measured: half of what came, came early.
        between_s = max(component.started_at - latest, 0.0)
        missing_s += between_s * (change.after - (there + size.start) / 2)
        begun_s = max(latest - component.started_at, 0.0)  # before the request or the last finish
        seconds = component.finished_at - component.started_at
        later_s = max(seconds - begun_s, 0.0)
        missing_s += change.after * later_s - (size.mean * seconds - there * begun_s)
        latest, there = max(latest, component.finished_at), float(size.end)
        if size.end >= change.after:
            return [max(missing_s / asked, 0.0)]
    return []


def _released(change: Change, rest: Sequence[Component]) -> bool | None:
    """Whether executors went that were asked to, None if that was not to be seen."""
    if any(component.scale_out.end <= change.after for component in rest):
        return True
    seen_s = max((c.finished_at or 0.0 for c in rest), default=change.at) - change.at
    return False if seen_s >= _SURE_S else None


def _pause(seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Base and seconds per executor: least squares over (executors moved, seconds)."""
    base_s, each_s = USUAL_PAUSE_S
    usual = [(0.0, base_s), (float(_MANY), base_s + _MANY * each_s)]
    moved, seconds = np.array([*usual, *seen]).T
    weight = np.sqrt(np.where(np.arange(moved.size) < len(usual), _PAUSES, 1.0))
    seconds = np.clip(seconds, -_LONGEST_PAUSE_S, _LONGEST_PAUSE_S)
    design = np.stack([np.ones_like(moved), moved], axis=1)
    (base, each), *_ = np.linalg.lstsq(design * weight[:, None], seconds * weight, rcond=None)
    if each < 0:
        base, each = np.average(seconds, weights=weight**2), 0.0
    return max(float(base), 0.0), max(float(each), 0.0)


def _warm_up(deviations: Deviations) -> int:
    """Components until new executors work like others, by which the times are most probable.

    They work at once (0), from the next component on (1), or from the one after (2). At once, as
    long as runs do not agree: planners that take them for cold ask for none and learn nothing.
    """
    past, by_run = deviations.past, []
    later = past.after_growth()
    for row, run in enumerate(deviations.runs):
        sizes = np.stack([past.executors[row], past.start[row], past.ready[row]])
        columns = np.flatnonzero(sizes[-1] < sizes[0] - 0.5)
        if run.executors_lost or not run.requests or not columns.size:
            continue
        log_s = np.stack([deviations.curve(columns, of[columns]) for of in sizes])
        telling = deviations.telling(columns, log_s[-1] - log_s[0])
        if telling.any():
            columns, log_s = columns[telling], log_s[:, telling]
            if later[row].any():  # how the run goes on is the better measure, not how it began
                log_s = log_s + np.median(deviations.off[row, later[row]])
            by_run.append(deviations.log_likelihood(row, columns, log_s))
    return surely_most_probable(by_run)


def growth_gain(deviations: Deviations) -> float:
    """Share of what curves promise in log seconds by which executors that come later speed up.

    1 before :data:`ENOUGH_COMPONENTS` components can tell; then a mean that begins with two runs
    as promised, because a planner that does without growth for no reason can make a job very late.
    """
    past, told = deviations.past, 0
    helped = of = _HELPED
    later = past.after_growth()
    for row in np.flatnonzero(past.by_request):
        columns = np.flatnonzero(later[row])
        first = np.full(columns.size, past.first[row])
        promised = deviations.curve(columns, first)
        promised = promised - deviations.curve(columns, past.executors[row, columns])
        telling = deviations.telling(columns, promised) & (promised > 0)
        columns, promised = columns[telling], promised[telling]
        if not columns.size:
            continue
        gained = promised - deviations.off[row, columns]
        weight = promised / deviations.log_sd[columns] ** 2
        share = np.clip(weight @ gained / (weight @ promised), 1 - _MOST_HELP, _MOST_HELP)
        believed = columns.size / (columns.size + _OF_A_RUN)
        believed *= 1 / (1 + (_LEVEL_SD / float(promised.mean())) ** 2)
        helped, of = helped + believed * float(share), of + believed
        told += columns.size
    return float(np.clip(helped / of, 0.0, 1.0)) if told >= ENOUGH_COMPONENTS else 1.0
