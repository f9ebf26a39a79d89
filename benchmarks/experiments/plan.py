"""Which runs the experiments consist of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_enel.control.policies.registry import BUILT_IN
from airflow_enel.simulation.baselines import simulator_names
from airflow_enel.simulation.campaign import Experiment
from airflow_enel.simulation.job_file import PAPER_JOBS, find_job
from airflow_enel.simulation.mode import MODES, find_mode
from airflow_enel.simulation.protocol import PAPER, Protocol
from airflow_enel.simulation.series import SeriesPlan

if TYPE_CHECKING:
    from airflow_enel.simulation.job import JobDescription

LEFT_OUT: Final = ("static", "observe")
"""Policies that decide nothing."""

TRAINED: Final = "enel-paper"
"""The policy whose network is trained as the paper does."""


def all_policies() -> tuple[str, ...]:
    """Every policy of production that decides something, and those of the simulator."""
    return (*(name for name in BUILT_IN if name not in LEFT_OUT), *simulator_names())


@dataclass(frozen=True, slots=True)
class ExperimentsPlan:
    """What the experiments are to compute.

    :param campaigns: how often each series of the comparison is repeated, with other noise
    :param seed: of noise that nothing was developed on
    :param utilization_runs: of each job of policy ``utilization``; 0 for none
    :param trained_jobs: on which the network is trained, in the last of the modes, once
    """

    policies: tuple[str, ...] = field(default_factory=all_policies)
    jobs: tuple[JobDescription, ...] = field(
        default_factory=lambda: tuple(map(find_job, PAPER_JOBS))
    )
    modes: tuple[str, ...] = ("elastic", "as-published", "realistic")
    campaigns: int = 4
    seed: int = 4242
    protocol: Protocol = PAPER
    utilization_runs: int = 20
    trained_jobs: tuple[str, ...] = ("LR",)

    def comparison(self, mode: str) -> Experiment:
        """All policies in a mode."""
        return Experiment(
            policies=self.policies,
            jobs=self.jobs,
            mode=find_mode(mode),
            campaigns=self.campaigns,
            seed=self.seed,
            protocol=self.protocol,
        )

    def trained(self) -> tuple[SeriesPlan, ...]:
        """Series in which the network is trained after each run."""
        mode = MODES[self.modes[-1]]
        jobs = [job for job in self.jobs if job.name in self.trained_jobs]
        return tuple(
            SeriesPlan(job, mode, TRAINED, self.seed, 0, self.protocol, train=True) for job in jobs
        )
