"""What a policy is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import Bounds, Forecast, PastRun, Progress, Proposal, TrainedModel
    from airflow_enel.predict import Forecaster


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """Which trained models a policy's forecaster reads, see `TrainedModel`."""

    kind: str
    schema_version: int


@dataclass(frozen=True, slots=True)
class JobModel:
    """A trained model as one recurring job uses it.

    :param job: the job's name in the model, see `training_name`
    """

    trained: TrainedModel
    job: str


def training_name(dag_id: str, job_key: str) -> str:
    """The name of a recurring job among those of all DAGs."""
    return f"{dag_id}/{job_key}"


class Policy(Protocol):
    """Chooses a number of executors; guards have the last word. It keeps nothing between calls."""

    @property
    def name(self) -> str:
        """What users write on the operator."""

    @property
    def rescales(self) -> bool:
        """False if the initial size is never changed, so that nobody needs to ask."""

    @property
    def needs_target(self) -> bool:
        """True if it cannot do without a target, so that one is asked for before any run."""

    def forecaster(self) -> Forecaster | None:
        """A new forecaster, to be fitted on the past runs; None if it needs none."""

    def initial(
        self,
        forecast: Forecast | None,
        past_runs: Sequence[PastRun],
        target_s: float | None,
        bounds: Bounds,
        given: int | None,
        *,
        retry: bool = False,
    ) -> Proposal:
        """Size to start with.

        :param forecast: total seconds per candidate, None without a model
        :param given: number of executors the user has set, if any
        :param retry: an earlier try of this run has failed, so this is no time to experiment
        :raises ValueError: if the policy needs a target and there is none
        """

    def propose(
        self,
        forecast: Forecast | None,
        target_s: float | None,
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """Size from this barrier on.

        :param forecast: remaining seconds per candidate, None without a model
        :raises ValueError: if the policy needs a target and there is none
        """


@runtime_checkable
class ReadsModels(Protocol):
    """What a policy has beside, if its forecaster goes by trained models.

    Its past runs come with their stages. Without a model its `Policy.forecaster` is asked for.
    """

    def model_format(self) -> ModelFormat:
        """Which models it reads."""

    def model_forecaster(self, model: JobModel) -> Forecaster:
        """A new forecaster with a model, to be fitted on the past runs.

        :param model: of that format
        :raises ValueError: if it cannot be read
        """
