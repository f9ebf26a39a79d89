"""Figures that the Enel paper has published, for comparison with simulated ones.

Scheinert et al., IPCCC 2021: 55 adaptive runs of each job, 40 normal ones and 15 with failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """What a system has reached on a job.

    :param violations: runs that missed their target, the 40 normal ones
    :param violations_failing: the same of the 15 with failures
    :param violation_minutes: by how much all of them missed it
    :param executor_minutes_per_run: None where it is not known
    """

    violations: int
    violations_failing: int
    violation_minutes: float
    executor_minutes_per_run: float | None


ENEL: Final = {
    "LR": Published(24, 15, 53.7, None),
    "MPC": Published(16, 12, 100.9, None),
    "K-Means": Published(9, 0, 109.2, None),
    "GBT": Published(16, 12, 107.1, None),
}
ELLIS: Final = {
    "LR": Published(18, 13, 26.4, 63),
    "MPC": Published(18, 14, 97.1, 149),
    "K-Means": Published(10, 11, 555.5, 353),
    "GBT": Published(6, 12, 82.9, 108),
}

SIMULATED_BY: Final = {"enel-paper": ("Enel", ENEL), "ellis-published": ("Ellis", ELLIS)}
"""What was published of the system that a simulated policy stands for."""
