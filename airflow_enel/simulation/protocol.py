"""Protocol of the Enel paper's experiment: how many runs, which are profiled, which fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import Bounds
from airflow_enel.simulation.noise import generator

if TYPE_CHECKING:
    from airflow_enel.simulation.job import JobDescription


PAPER_BOUNDS: Final = Bounds(4, 36)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A series of runs of one job.

    :param runs: how many; they are numbered from 1
    :param profiling: first runs, at sizes by chance, that count in no figure
    :param failing: spans of runs in which executors are killed, each its first and last
    :param bounds: sizes that a policy may choose
    """

    runs: int = 65
    profiling: int = 10
    failing: tuple[tuple[int, int], ...] = ((41, 50), (61, 65))
    bounds: Bounds = PAPER_BOUNDS

    def is_failing(self, run: int) -> bool:
        """True if executors are killed in a run."""
        return any(first <= run <= last for first, last in self.failing)

    @property
    def adaptive(self) -> int:
        """Runs that are sized by the policy."""
        return self.runs - self.profiling

    def profiling_sizes(self, seed: int, campaign: int, job: JobDescription) -> tuple[int, ...]:
        """Sizes of the profiling runs."""
        rng = generator(seed, "profiling", campaign, job.name)
        low, high = self.bounds.minimum, self.bounds.maximum
        return tuple(rng.integers(low, high, self.profiling, endpoint=True).tolist())


PAPER: Final = Protocol()
