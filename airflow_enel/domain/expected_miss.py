"""A target that a run is expected to miss although it may have as many executors as are allowed."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_enel.domain.run import RunKey


@dataclass(frozen=True, slots=True)
class ExpectedMiss:
    """What people are told early.

    :param run: which application
    :param miss_probability: of missing the target at the largest size that can be had
    :param lateness_s: by which it is expected to miss, runs that would still be in time included
    :param target_s: seconds the application may take
    :param elapsed_s: seconds it has taken already
    :param executors: the largest size that can be had
    """

    run: RunKey
    miss_probability: float
    lateness_s: float
    target_s: float
    elapsed_s: float
    executors: int

    def __str__(self) -> str:
        if not self.target_s:
            return "no time was left for it when it was submitted"
        return (
            f"{self.miss_probability:.0%} to miss the target of {self.target_s:.0f} s even with "
            f"{self.executors} executors, by {self.lateness_s:.0f} s on average"
        )
