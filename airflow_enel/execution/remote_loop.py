"""Observes an application whose driver is on another worker, through its agent.

Its process cannot be seen from here. An agent that does not answer proves nothing, as the network
may be at fault; how the application ended is known from the history, where the result reporter
beside its driver writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from airflow_enel.domain import ENDED_RUN_STATES, RunKey, RunState
from airflow_enel.execution.agent_access import UNOBSERVED, agent_of
from airflow_enel.execution.clock import SYSTEM_CLOCK, Clock
from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.execution.observer import Observer
from airflow_enel.history.interface import History, HistoryError
from airflow_enel.spark.agent_client import AgentClient, AgentError, AgentUnreachable

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.execution.miss_callbacks import MissCallbacks
    from airflow_enel.execution.scaling_config import MonitoredRun

_END_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 1.0
_ASK_HISTORY_EVERY_S: Final = 5.0


class ApplicationStateUnknown(Exception):
    """Neither the agent nor the history has answered for too long."""


class RemoteLoop:
    """Polls one application through its agent until the history says how it ended.

    :param key: of its run
    :param try_number: of the present try, which decides from now on
    :param patience_s: how long nothing may be known of the application
    :param on_miss: see `Observer`
    """

    def __init__(
        self,
        key: RunKey,
        history: History,
        log: Logger,
        try_number: int,
        patience_s: float,
        clock: Clock = SYSTEM_CLOCK,
        on_miss: MissCallbacks | None = None,
    ) -> None:
        self._key = key
        self._history = history
        self._log = log
        self._try_number = try_number
        self._patience_s = patience_s
        self._clock = clock
        self._on_miss = on_miss
        self._client: AgentClient | None = None
        self._asked_at = float("-inf")
        self._warned = False

    def follow(
        self,
        run: MonitoredRun,
        is_killed: Callable[[], bool],
        on_round: Callable[[], None] = lambda: None,
    ) -> RunState:
        """Observe it to its end; end it as soon as the task is told to.

        :param on_round: called before each look
        :raises ApplicationStateUnknown: see ``patience_s``
        """
        writer = ImmediateWriter(self._history)
        observer = Observer(run, writer, self._log, clock=self._clock, on_miss=self._on_miss)
        ending = False
        known_at = self._clock.now()
        while (state := self._recorded()) is None:
            on_round()
            if self._look(observer):
                known_at = self._clock.now()
            if is_killed() and not ending:
                ending = self._ask_to_end()
            if self._clock.now() - known_at > self._patience_s:
                raise ApplicationStateUnknown
            self._clock.sleep(_LOOK_EVERY_S)
        self._disconnect()
        observer.log_last_progress()
        return state

    def end(self) -> None:
        """End it, and wait until it has ended.

        :raises ApplicationStateUnknown: if that is not certain after a minute
        """
        deadline = self._clock.now() + _END_WITHIN_S
        ending = False
        while self._recorded() is None:
            if not ending:
                ending = self._ask_to_end()
            if self._clock.now() > deadline:
                raise ApplicationStateUnknown
            self._clock.sleep(_LOOK_EVERY_S)
        self._disconnect()

    def _recorded(self) -> RunState | None:
        """Return how it ended, None while the history does not know."""
        if self._clock.now() - self._asked_at < _ASK_HISTORY_EVERY_S:
            return None
        self._asked_at = self._clock.now()
        with suppress(HistoryError):
            state = self._history.run(self._key.id).state
            return state if state in ENDED_RUN_STATES else None
        return None

    def _look(self, observer: Observer) -> bool:
        """Return True if its agent has answered."""
        client = self._connected()
        if client is None:
            return False
        try:
            observer.poll(client)
        except AgentUnreachable:
            self._disconnect()
            return False
        except (AgentError, HistoryError) as error:
            if not self._warned:
                self._warned = True
                self._log.warning(UNOBSERVED, error)
        return True

    def _ask_to_end(self) -> bool:
        client = self._connected()
        if client is None:
            return False
        with suppress(AgentError):
            client.end(self._try_number)
            return True
        return False

    def _connected(self) -> AgentClient | None:
        if self._client is None:
            self._client = agent_of(self._key, self._history)
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
