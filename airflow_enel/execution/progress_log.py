"""Progress lines of a run for people: few enough to read, whatever its number of components.

An application may finish two components a second, or one an hour. A line needs news; besides, it
needs 10 s since the last line, and a tenth of the run's components more, or another number of
executors. Decisions that change something have lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_enel.control.report import progress_line

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.control.decide import Assessment
    from airflow_enel.domain import Progress

INTERVAL_S: Final = 10.0
SHARE: Final = 0.1
"""Of the components that are expected, or have finished if those are more or nothing is known."""

SILENCE_S: Final = 300.0
"""Longest time without a line, so that a long component is not taken for a standstill."""


class ProgressLog:
    """Logs how far a run is, when it is worth a line.

    :param expected_components: how many the run is likely to have, None if unknown
    :param now: a monotonic clock, in seconds
    """

    def __init__(
        self,
        log: Logger,
        target_s: float | None,
        expected_components: int | None,
        now: Callable[[], float],
    ) -> None:
        self._log = log
        self._target_s = target_s
        self._expected_components = expected_components
        self._now = now
        self._latest: Assessment | None = None
        self._logged: Progress | None = None
        self._logged_at = float("-inf")

    def update(self, assessment: Assessment) -> None:
        """Take the newest assessment, and log it if a line is due."""
        progress = assessment.progress
        if not progress.finished and not progress.executors:
            return  # nothing works yet, and no forecast means anything
        self._latest = assessment
        if self._is_due(progress):
            self._write(assessment)

    def finish(self) -> None:
        """Log the newest assessment, unless the last line says the same."""
        if self._latest is not None and self._has_news(self._latest.progress):
            self._write(self._latest)

    def _is_due(self, progress: Progress) -> bool:
        since_s = self._now() - self._logged_at
        if self._logged is None or since_s >= SILENCE_S:
            return True
        if since_s < INTERVAL_S or not self._has_news(progress):
            return False
        finished = len(progress.finished)
        more = finished - len(self._logged.finished)
        enough = SHARE * max(self._expected_components or 0, finished)
        return progress.executors != self._logged.executors or more >= enough

    def _has_news(self, progress: Progress) -> bool:
        logged = self._logged
        return logged is None or (
            (len(progress.finished), progress.executors) != (len(logged.finished), logged.executors)
        )

    def _write(self, assessment: Assessment) -> None:
        self._logged, self._logged_at = assessment.progress, self._now()
        self._log.info(
            progress_line(
                assessment.progress,
                assessment.forecast,
                self._target_s,
                self._expected_components,
            )
        )
