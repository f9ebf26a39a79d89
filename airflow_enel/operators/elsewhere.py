"""An application whose driver is on another worker: followed by its agent, told by the history.

Its process cannot be seen from here. That its agent does not answer says nothing, as the network
may be at fault; how it ended is told by the messenger beside its driver, through the history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from airflow_enel.control.lifetime import OVER
from airflow_enel.domain import RunKey, RunState
from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.history.base import History, HistoryError
from airflow_enel.operators.attach import agent_of
from airflow_enel.operators.observe import Observer, Watched
from airflow_enel.spark.client import AgentClient, AgentError, AgentUnreachable

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

_END_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 1.0
_ASK_HISTORY_EVERY_S: Final = 5.0


class Unknown(Exception):
    """Neither the agent nor the history has told anything for too long."""


class Elsewhere:
    """Follows one application by its agent until the history says how it ended.

    :param try_number: of the present try, which is in charge from now on
    :param patience_s: how long nothing may be known of the application
    """

    def __init__(
        self, key: RunKey, history: History, log: Logger, try_number: int, patience_s: float
    ) -> None:
        self._key = key
        self._history = history
        self._log = log
        self._try_number = try_number
        self._patience_s = patience_s
        self._client: AgentClient | None = None
        self._asked_at = float("-inf")
        self._warned = False

    def follow(
        self,
        watched: Watched,
        is_killed: Callable[[], bool],
        on_round: Callable[[], None] = lambda: None,
    ) -> RunState:
        """Observe it to its end; end it as soon as somebody wants that.

        :param on_round: called before each look
        :raises Unknown: see ``patience_s``
        """
        observer = Observer(watched, ImmediateWriter(self._history), self._log)
        ending = False
        known_at = time.monotonic()
        while (state := self._recorded()) is None:
            on_round()
            if self._look(observer):
                known_at = time.monotonic()
            if is_killed() and not ending:
                ending = self._ask_to_end()
            if time.monotonic() - known_at > self._patience_s:
                raise Unknown
            time.sleep(_LOOK_EVERY_S)
        self._disconnect()
        return state

    def end(self) -> None:
        """End it, and wait until it has ended.

        :raises Unknown: if that is not certain after a minute
        """
        deadline = time.monotonic() + _END_WITHIN_S
        ending = False
        while self._recorded() is None:
            if not ending:
                ending = self._ask_to_end()
            if time.monotonic() > deadline:
                raise Unknown
            time.sleep(_LOOK_EVERY_S)
        self._disconnect()

    def _recorded(self) -> RunState | None:
        """How it ended, None while nobody has told."""
        if time.monotonic() - self._asked_at < _ASK_HISTORY_EVERY_S:
            return None
        self._asked_at = time.monotonic()
        with suppress(HistoryError):
            state = self._history.run(self._key.id).state
            return state if state in OVER else None
        return None

    def _look(self, observer: Observer) -> bool:
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
                self._log.warning("The application runs on unwatched for now: %s", error)
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
