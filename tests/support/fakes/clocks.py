"""Time that passes only when somebody waits."""

from __future__ import annotations

from collections.abc import Callable

from airflow_enel.execution.clock import Clock

ENDLESS_S = 10 * 24 * 3600.0


class VirtualTime:
    """A clock for loops: waiting moves it on, and runs what was planned for until then."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._planned: list[tuple[float, Callable[[], None]]] = []

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now_s, sleep=self.sleep)

    def at(self, second: float, action: Callable[[], None]) -> None:
        """Plan an action; what is due runs at once."""
        self._planned.append((second, action))
        self._run_due()

    def sleep(self, seconds: float) -> None:
        self.now_s += max(seconds, 0.001)
        if self.now_s > ENDLESS_S:
            raise AssertionError("the loop under test never ends")
        self._run_due()

    def _run_due(self) -> None:
        due = [action for second, action in self._planned if second <= self.now_s]
        self._planned = [item for item in self._planned if item[0] > self.now_s]
        for action in due:
            action()
