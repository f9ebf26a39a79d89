"""Plan of a training of the shared model: anew, on top of the last model, or not at all.

Pure: past runs and the last model are passed in. The I/O around it is in
:mod:`airflow_enel.execution.model_training`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import TrainedModel

if TYPE_CHECKING:
    from airflow_enel.domain import JobRuns
    from airflow_enel.predict.enel.manifest import Manifest
    from airflow_enel.predict.enel.model import EnelModel

FROM_SCRATCH_EVERY: Final = 5
"""As the paper: every fifth training begins anew."""

LARGEST_SEED: Final = 999_999_999
"""Every generator of random numbers takes it, and ``airflow enel train`` no larger one."""

_NAME: Final = re.compile(r"[a-z]+-\d{8}T\d{6}Z-r(\d{1,6})-[0-9a-f]{8}")


class NothingToLearn(Exception):
    """There are too few runs, or no new ones; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """How a model is to be trained.

    :param seed: the same history and seed give the same model
    :param from_scratch_every: of so many trainings one begins anew, the others fine-tune
    :param in_any_case: begin anew, even if there is no run that the latest model has not learned
    :raises ValueError: unless 0 ≤ seed ≤ :data:`LARGEST_SEED` and from_scratch_every ≥ 1
    """

    seed: int = 0
    from_scratch_every: int = FROM_SCRATCH_EVERY
    in_any_case: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed must be a number from 0 to {LARGEST_SEED}, not {self.seed}")
        if self.from_scratch_every < 1:
            raise ValueError(
                f"from_scratch_every must be at least 1, not {self.from_scratch_every}"
            )


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A network and the name it is kept under."""

    name: str
    model: EnelModel


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Where a training begins.

    :param start: the network to fine-tune, None to begin anew
    :param round: trainings since the last one from scratch, which is round 0
    :param reason: why it begins anew, or on top of which model
    """

    start: EnelModel | None
    round: int
    reason: str


def plan_training(
    request: TrainingRequest,
    jobs: Sequence[JobRuns],
    latest: NamedModel | None,
    fault: str | None = None,
) -> TrainingPlan:
    """Plan a training on past runs.

    :param latest: the last model, None if there is none or it cannot be used
    :param fault: why the last model cannot be used
    :raises NothingToLearn: if the last model has learned from all of these runs
    """
    if request.in_any_case:
        return TrainingPlan(None, 0, "as asked for")
    if fault is not None:
        return TrainingPlan(None, 0, f"the last model cannot be used: {fault}")
    if latest is None:
        return TrainingPlan(None, 0, "there is no model yet")
    late, newer = _new_runs(jobs, latest.model.manifest)
    if not late and not newer:
        raise NothingToLearn(
            f"there is no run that this model has not learned from: {latest.name}; wait for one"
        )
    before = round_of(latest.name)
    every = request.from_scratch_every
    if before is None or before + 1 >= every:
        anew = "as asked for" if every == 1 else f"every {every} trainings one begins anew"
        return TrainingPlan(None, 0, anew)
    if late > newer:
        return TrainingPlan(None, 0, f"runs that came late, older than those it knows: {late}")
    told = f", with runs that came late, older than those it knows: {late}" if late else ""
    return TrainingPlan(latest.model, before + 1, f"model {latest.name}{told}")


def sealed(trained: EnelModel, round_: int) -> TrainedModel:
    """A model as it is kept; its name contains when and in which round it was trained."""
    from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415
    from airflow_enel.predict.enel.model import dump_weights  # noqa: PLC0415

    created_at = trained.manifest.created_at
    manifest, weights = trained.manifest.to_json(), dump_weights(trained.weights)
    unnamed = TrainedModel.sealed("-", KIND, SCHEMA_VERSION, manifest, weights, created_at)
    moment = datetime.fromtimestamp(created_at, timezone.utc)
    name = f"{KIND}-{moment:%Y%m%dT%H%M%SZ}-r{round_}-{unnamed.sha256[:8]}"
    return TrainedModel.sealed(name, KIND, SCHEMA_VERSION, manifest, weights, created_at)


def round_of(name: str) -> int | None:
    """Trainings since the one from scratch, by a model's name; None if we have not named it."""
    match = _NAME.fullmatch(name)
    return None if match is None else int(match[1])


def _new_runs(jobs: Sequence[JobRuns], manifest: Manifest) -> tuple[int, int]:
    """How many runs that a model has not learned came late, and how many are newer than all it has.

    Of a job that it knows, fine-tuning judges it only by those that are newer. Others come late:
    by an import, or because they ran on while shorter ones of other jobs ended. A few of these
    are no reason to begin anew, or jobs that overlap would never be fine-tuned.
    """
    from airflow_enel.predict.alignment import Alignment  # noqa: PLC0415 - numpy

    known = {gate.job: gate for gate in manifest.jobs}
    late = newer = 0
    for job in jobs:
        usable = [run for run in job.runs if Alignment.of([run]).columns]
        if len(usable) == 1:
            continue  # a job with one run teaches nothing
        gate = known.get(job.job)
        if gate is None:
            # The first run of a job only says what the prior makes of the second.
            new = sorted(usable, key=lambda run: run.started_at)[1:]
        else:
            new = [run for run in usable if not gate.has_learned(run.run_id)]
        after = sum(run.started_at > manifest.latest_run_at for run in new)
        late += len(new) - after
        newer += after
    return late, newer
