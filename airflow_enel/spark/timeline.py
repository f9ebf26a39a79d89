"""The number of executors over time, and what it was at the ends of an interval."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise

from airflow_enel.domain import ExecutorSpan, ScaleOut


class CapacityTimeline:
    """Executors that take tasks, as a step function of time.

    An executor counts from its registration until its decommissioning begins or it is removed.

    :param spans: the executors of one application
    """

    def __init__(self, spans: Iterable[ExecutorSpan]) -> None:
        changes: list[tuple[float, int]] = []
        for span in spans:
            changes.append((span.added_at, 1))
            if span.capacity_until is not None:
                changes.append((max(span.added_at, span.capacity_until), -1))
        changes.sort()
        self._times = [at for at, _ in changes]
        self._levels = [0]
        for _, delta in changes:
            self._levels.append(self._levels[-1] + delta)

    def at(self, moment: float) -> int:
        """Executors just after a moment."""
        return self._levels[bisect_right(self._times, moment)]

    def changed(self, start: float, end: float) -> bool:
        """True if an executor came or went after ``start`` and before ``end``."""
        return bisect_right(self._times, start) < bisect_left(self._times, end)

    def scale_out(self, start: float, end: float) -> ScaleOut:
        """Scale-out of an interval: its ends, the time between them, and the mean.

        Time without any executor does not count: an application that still waits for its first
        executor starts at the scale-out that it then gets.
        """
        segments = [
            (level, width) for level, width in self._segments(start, end) if level > 0 and width > 0
        ]
        if not segments:
            now = self.at(end)
            return ScaleOut(start=now, end=now, rescaling_fraction=0.0, mean=float(now))
        total_s = sum(width for _, width in segments)
        first, last = segments[0][0], segments[-1][0]
        between_s = sum(width for level, width in segments if level not in (first, last))
        return ScaleOut(
            start=first,
            end=last,
            rescaling_fraction=between_s / total_s,
            mean=sum(level * width for level, width in segments) / total_s,
        )

    def _segments(self, start: float, end: float) -> list[tuple[int, float]]:
        low, high = bisect_right(self._times, start), bisect_left(self._times, end)
        borders = [start, *self._times[low:high], max(start, end)]
        return [
            (self._levels[low + index], right - left)
            for index, (left, right) in enumerate(pairwise(borders))
        ]
