"""`EnelTrainOperator`, which trains the shared model.

Kept light, because DAG files import it: torch waits until the task runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
)

from airflow_enel.control.training_plan import NothingToLearn, TrainingRequest
from airflow_enel.execution.model_training import CannotTrain, train_shared_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_enel.execution.model_training import Training
    from airflow_enel.history.interface import History

_INTERVAL_S: Final = 10.0


class EnelTrainOperator(BaseOperator):
    """Train the Enel network from the history of all recurring jobs, and publish the model.

    It reads the history of every DAG, so ``[enel] trainers`` must name it: ``dag_id:task_id``.
    The worker needs the extra ``train`` (torch); no other task does. Most trainings fine-tune the
    latest model, every few begin anew. With too little history, or without a run that the latest
    model has not learned from, the task is skipped, whatever the seed. It returns the name of the
    model.

    :param seed: 0 to 999999999; the same history and seed give the same model (templated)
    :param from_scratch_every: of so many trainings one begins anew; 1 for all
    :raises ValueError: for arguments that cannot work
    """

    template_fields: Sequence[str] = ("seed",)

    def __init__(self, *, seed: int | str = 0, from_scratch_every: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        rendered_later = isinstance(seed, str) and "{" in seed
        TrainingRequest(0 if rendered_later else _natural(seed), from_scratch_every)
        self.seed = seed
        self.from_scratch_every = from_scratch_every

    def execute(self, context: Context) -> str:
        """Train and publish.

        :raises AirflowFailException: if it may not, or cannot on this worker
        :raises AirflowSkipException: if there is nothing to learn
        """
        from airflow_enel.execution.history_access import connected_history  # noqa: PLC0415
        from airflow_enel.history.interface import HistoryError, HistoryUnavailable  # noqa: PLC0415

        with connected_history(context, self.log) as history:
            if history is None:
                raise AirflowException("no way to the history, so there is nothing to learn from")
            try:
                training = self._train(history)
            except CannotTrain as error:
                raise AirflowFailException(str(error)) from error
            except NothingToLearn as error:
                raise AirflowSkipException(f"No model was trained: {error}") from error
            except HistoryUnavailable as error:
                raise AirflowException(f"No model was published: {error}") from error
            except HistoryError as error:
                raise AirflowFailException(self._refused(context, error)) from error
        self._log_result(training)
        return training.model.name

    def _train(self, history: History) -> Training:
        request = TrainingRequest(_natural(self.seed), self.from_scratch_every)
        return train_shared_model(history, request, time.time(), TrainingLog(self.log))

    def _refused(self, context: Context, error: Exception) -> str:
        ti = context["ti"]
        return (
            f"No model was published: {error}. A task that trains must be in [enel] trainers of "
            f"the API server: {ti.dag_id}:{ti.task_id}"
        )

    def _log_result(self, training: Training) -> None:
        manifest = training.manifest
        self.log.info(
            "Trained %s, %s: runs %d, jobs %d",
            training.model.name,
            training.how,
            manifest.training_runs,
            len(manifest.jobs),
        )
        network = manifest.walk_forward_network_percent
        if network is not None:
            self.log.info(
                "Error on runs held out, in percent: %.1f, by the prior alone %.1f",
                network,
                manifest.walk_forward_prior_percent,
            )


def _natural(seed: int | str) -> int:
    """A seed, which a template renders as a text.

    :raises ValueError: if it is no natural number
    """
    if not str(seed).isdecimal():
        raise ValueError(f"seed must be a natural number, not {seed!r}")
    return int(seed)


class TrainingLog:
    """Logs the progress of a training: every phase at its first step, then at most every 10 s."""

    def __init__(self, log: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._phase = ""
        self._logged_at = 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Log how much of a phase is done; a total of 0 is unknown."""
        now = self._clock()
        if phase == self._phase and now - self._logged_at < _INTERVAL_S:
            return
        self._phase, self._logged_at = phase, now
        self._log.info("%s: %s", phase, f"{done} of {total}" if total else done)
