"""A million random states of runs: how many decisions break a promise of the guards."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

from benchmarks.figures import Figure
from tests.support.fuzzing.guard_states import FAULTS, fault, generated

STATES: Final = 1_000_000
SEED: Final = 5


def measure() -> Iterable[Figure]:
    """Count the decisions that break a promise; ``ENEL_GUARD_STATES`` changes how many."""
    states = int(os.environ.get("ENEL_GUARD_STATES", STATES))
    counts: Counter[str | None] = Counter()
    start = time.perf_counter()
    for state in generated(SEED, states):
        counts[fault(state)] += 1
    spent_s = time.perf_counter() - start
    yield Figure.of("guards, states", "count", [states])
    for name in FAULTS:
        yield Figure.of(f"guards, decisions against {name}", "count", [counts[name]], "= 0")
    yield Figure.of("guards, time", "s", [spent_s])
