"""Reads what people hold back for the recurring job of a run, and remembers it for outages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import NO_SWITCHES
from airflow_enel.history.interface import History, HistoryError

if TYPE_CHECKING:
    from airflow_enel.domain import Switches

_log = logging.getLogger(__name__)

PAUSE_S: Final = 15.0


class SwitchReader:
    """Reads the switches of a run's job; never raises for a history that does not answer.

    :param clock: seconds of a monotonic clock
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known = NO_SWITCHES
        self._try_again_at = float("-inf")

    def read(self, history: History | None, run_id: str) -> Switches:
        """Return the switches, those read last while the history is away.

        :param history: None for none
        """
        if history is not None and self._clock() >= self._try_again_at:
            try:
                self._known = history.switches(run_id)
            except HistoryError as error:
                self._try_again_at = self._clock() + PAUSE_S
                _log.warning("Switches of the job not read, the last known ones hold: %s", error)
        return self._known
