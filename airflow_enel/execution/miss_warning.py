"""Tells people once per run that it will miss its target, by the callbacks of the DAG's author.

Invariant: a callback that fails or hangs harms neither the application nor its task.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from airflow_enel.control.expected_miss import DEFAULT_THRESHOLD, expected_miss
from airflow_enel.execution.time_limit import within

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.control.decide import Assessment
    from airflow_enel.domain import ExpectedMiss
    from airflow_enel.execution.history_writer import DecisionWriter
    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.execution.scaling_config import MonitoredRun

EVERY_S: Final = 10.0
"""Between two looks at a run that is not at a barrier: time passes while a component hangs."""
CALLBACK_WITHIN_S: Final = 30.0
CONTEXT_KEY: Final = "expected_miss"


class MissWarning:
    """Warns of one run: in the log of the task always, by callbacks if there are any.

    :param callbacks: None for none
    """

    def __init__(self, run: MonitoredRun, callbacks: MissCallbacks | None, log: Logger) -> None:
        self._run = run
        self._callbacks = callbacks
        self._log = log
        self._over = run.config.target_s is None
        self._looked_at = float("-inf")

    def update(self, assessment: Assessment, writer: DecisionWriter) -> None:
        """Take the newest assessment of a running application; it never raises.

        :param writer: knows whether another try or task has warned already
        """
        if self._over or not self._is_due(assessment):
            return
        self._looked_at = assessment.now
        threshold = DEFAULT_THRESHOLD if self._callbacks is None else self._callbacks.threshold
        known = self._run.largest_is_known
        miss = expected_miss(self._run.key, assessment, threshold, largest_is_known=known)
        if miss is None:
            return
        self._over = True
        self._log.warning("The run will probably be late: %s", miss)
        wanted = self._callbacks
        if wanted is None or not wanted.callbacks:
            return
        if writer.is_first_warning(self._run.run_id, assessment.now):
            self._call(miss, wanted)

    def _is_due(self, assessment: Assessment) -> bool:
        progress = assessment.progress
        if not progress.executors or not progress.complete:
            return False
        return assessment.step is not None or assessment.now - self._looked_at >= EVERY_S

    def _call(self, miss: ExpectedMiss, wanted: MissCallbacks) -> None:
        for callback in wanted.callbacks:
            context = {**wanted.context, CONTEXT_KEY: miss}  # a copy each: notifiers add to it
            try:
                within(CALLBACK_WITHIN_S, partial(callback, context))
            except Exception:
                self._log.exception("A callback of on_expected_miss has failed: %r", callback)
