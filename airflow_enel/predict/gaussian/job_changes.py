"""Finds the past runs from which on a job was another one: new code, or a sudden shift."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from airflow_enel.domain.context import CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import RunContext
    from airflow_enel.predict.alignment import Alignment
    from airflow_enel.predict.samples import BoolArray, FloatArray

MOST_CHANGES: Final = 4
"""Changes that are told apart, the latest ones."""

LEAST_SHIFTED: Final = 3
"""Runs in a row that a shift must have moved: two can be slow by chance."""

ALARM: Final = 26.0
"""Twice the log likelihood ratio from which on a shift is believed: so that, however often it is
looked for, fewer than 1 run in 200 is a false alarm (`python -m benchmarks shifts`)."""

BEFORE_OTHER_COMPONENTS: Final = 1e-3
"""Weight of a run before the job's components became others, in whether one comes."""

RECENT: Final = 5
"""Runs since a change up to which people are told of it."""

_BEFORE = 6  # runs that must lie before a shift
_LOOKED_BACK = 20  # runs: older shifts have been forgotten by their weight
_FARTHEST = 4.0  # standard deviations that one run can say
_TO_SIGMA = 1.4826
_NARROWEST = 0.02


def code_changes(contexts: Sequence[RunContext]) -> list[int]:
    """Numbers of the runs, oldest first, whose code was not that of the run before."""
    codes = [context.get(CODE) for context in contexts]
    known = [(place, code) for place, code in enumerate(codes) if code is not None]
    return [place for (_, before), (place, code) in pairwise(known) if code != before]


def shift_of(off: FloatArray) -> int | None:
    """Number of the run from which on runs have shifted, None if nothing proves it.

    Compares the means before and after every possible change by the likelihood ratio of Gaussian
    runs, cut off at :data:`_FARTHEST` standard deviations, which are those from run to run: they
    do not grow with the shift.

    :param off: log of actual over expected seconds of each run, oldest first, ``(n,)``
    """
    runs = off.size
    if runs < _BEFORE + LEAST_SHIFTED:
        return None
    steps = np.abs(np.diff(off))
    sd = max(_TO_SIGMA * float(np.median(steps)) / np.sqrt(2.0), _NARROWEST)
    places = np.arange(max(_BEFORE, runs - _LOOKED_BACK), runs - LEAST_SHIFTED + 1)
    scores = []
    for place in places:
        middle = np.median(off[:place])
        scaled = np.clip((off - middle) / sd, -_FARTHEST, _FARTHEST)
        before, after = scaled[:place], scaled[place:]
        apart = after.mean() - before.mean()
        scores.append(apart**2 * before.size * after.size / runs)
    best = int(np.argmax(scores))
    return int(places[best]) if scores[best] > ALARM else None


def has_other_components(there: BoolArray, place: int) -> bool:
    """True if runs from a place on have other kinds of components than those before.

    Not only more or fewer of the same, as loops until convergence have: a kind that all runs have
    since and none had before, or that all had before and none since.

    :param there: whether each run had a component of each key, ``(n, keys)``
    """
    before, since = there[:place], there[place:]
    if not (len(before) and len(since)):
        return False
    gone = before.all(axis=0) & ~since.any(axis=0)
    new = since.all(axis=0) & ~before.any(axis=0)
    return bool((gone | new).any())


def component_changes(there: BoolArray) -> list[int]:
    """Numbers of the runs from which on at least two had other kinds of components."""
    runs = len(there)
    return [
        place
        for place in range(1, runs - 1)
        if (there[place] != there[place - 1]).any() and has_other_components(there, place)
    ]


def job_changes(past: Alignment) -> list[int]:
    """Numbers of the runs from which on the job was another one, by its code and components."""
    found = {*code_changes(past.contexts), *component_changes(past.kinds())}
    return sorted(found)[-MOST_CHANGES:]


def since_other_components(past: Alignment) -> Alignment:
    """The alignment in which runs before the last change of components say little of them."""
    kinds = past.kinds()
    places = [p for p in job_changes(past) if has_other_components(kinds, p)]
    if not places:
        return past
    evidence = past.evidence.copy()
    evidence[: places[-1]] = BEFORE_OTHER_COMPONENTS
    return replace(past, evidence=evidence)


def change_notes(changed_at: Sequence[float], started_at: FloatArray) -> tuple[str, ...]:
    """What to tell people of the latest change of a job, if it is recent.

    :param changed_at: when the runs began from which on the job was another one
    :param started_at: when all past runs began, ``(n,)``
    """
    if not changed_at:
        return ()
    since = int((started_at >= changed_at[-1]).sum())
    if since > RECENT:
        return ()
    day = datetime.fromtimestamp(changed_at[-1], timezone.utc).date()
    return (f"the job changed on {day}: {since} run{'s' * (since > 1)} since",)
