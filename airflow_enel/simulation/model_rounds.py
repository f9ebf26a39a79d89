"""Trains the network of a simulated series as the paper does: anew every few runs, else on top."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_enel.control.training_plan import FROM_SCRATCH_EVERY
from airflow_enel.domain import JobRuns
from airflow_enel.predict.enel.model import TooLittleHistory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_enel.domain import PastRun
    from airflow_enel.predict.enel.model import EnelModel


class ModelRounds:
    """The model of one series, and what its training took.

    :param job: name of the recurring job
    :ivar model: the latest, None while there is too little to learn from
    :ivar took_s: CPU seconds of this process for each training so far
    """

    def __init__(self, job: str, seed: int) -> None:
        self._job, self._seed = job, seed
        self._rounds = 0
        self.model: EnelModel | None = None
        self.took_s: list[float] = []

    def train(self, past_runs: Sequence[PastRun], now: float) -> None:
        """Train after a run.

        :param past_runs: with their stages
        :param now: seconds since the epoch, by the clock of the simulation
        """
        from airflow_enel.predict.enel.training.trainer import train  # noqa: PLC0415 - torch

        start = self.model if self._rounds % FROM_SCRATCH_EVERY else None
        begin = time.process_time()
        try:
            self.model = train(
                [JobRuns(self._job, tuple(past_runs))],
                seed=self._seed,
                created_at=now,
                start=start,
            )
        except TooLittleHistory:
            return
        self._rounds += 1
        self.took_s.append(time.process_time() - begin)
