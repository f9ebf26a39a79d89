"""Reads a running application through its agent, page by page, into snapshots."""

from __future__ import annotations

import time
from pathlib import Path

from airflow_enel.domain import Snapshot
from airflow_enel.spark.agent_client import (
    MAX_ANSWER_BYTES,
    AgentAnswerInvalid,
    AgentClient,
    AgentUnreachable,
    EventPage,
    parse_page,
)
from airflow_enel.spark.driver_reducer import DriverReducer
from airflow_enel.spark.event_defects import CLOCK_SLACK_S

_MAX_PAGES = 1000  # a page holds 1,000 events; more means an agent that never comes to an end
_READ_WITHIN_S = 30.0


class AgentReader:
    """Reads an application through its agent and remembers only where it stopped reading.

    Everything else can be read again from the beginning, by another process if need be.

    :ivar last: the latest snapshot, None before the first reading
    """

    def __init__(self) -> None:
        self.last: Snapshot | None = None
        self._fold = DriverReducer()
        self._app_id: str | None = None
        self._seen = 0
        self._now = 0.0

    def read(self, client: AgentClient) -> Snapshot:
        """Read what is new.

        :raises AgentError: if the agent cannot be asked or understood; nothing is lost then
        """
        deadline = time.monotonic() + _READ_WITHIN_S
        for _ in range(_MAX_PAGES):
            page = client.events(self._seen)
            self._take(page)
            if not page.more:
                return self._snapshot()
            if time.monotonic() > deadline:
                break
        raise AgentUnreachable("the agent's events did not come to an end in time")

    def read_final(self, path: Path) -> Snapshot | None:
        """Read the state that the agent left at the application's end.

        :returns: None if there is none, or none that can be used
        """
        try:
            with path.open("rb") as file:
                # All events in one document, so several answers' worth.
                page = parse_page(file.read(16 * MAX_ANSWER_BYTES))
            self._take(page)
        except (OSError, AgentAnswerInvalid):
            return None
        return self._snapshot()

    def nothing(self) -> Snapshot:
        """The snapshot of an application of which nothing was ever read."""
        return DriverReducer().snapshot(self._now)

    def _take(self, page: EventPage) -> None:
        if page.app_id is not None:
            if self._app_id is not None and page.app_id != self._app_id:
                raise AgentAnswerInvalid(
                    f"the agent answers for another application, {page.app_id} "
                    f"instead of {self._app_id}"
                )
            self._app_id = page.app_id
        reached = max([self._seen, *(item.seq for item in page.events)])
        if page.last < self._seen or (page.last > reached and not page.more):
            raise AgentAnswerInvalid(
                f"the agent's answer ends with event {reached}, its stream with {page.last}"
            )
        for item in page.events:
            if item.seq <= self._seen:
                continue
            if item.seq > self._seen + 1:
                self._fold.complete = False
            self._fold.add(item.event)
            self._seen = item.seq
        now = page.now_ms / 1e3
        if now < self._now - CLOCK_SLACK_S:  # set back: neither times nor their order are known
            self._fold.complete = False
        self._now = max(self._now, now)

    def _snapshot(self) -> Snapshot:
        snapshot = self._fold.snapshot(self._now)
        if self._app_id is not None and snapshot.app_id not in (None, self._app_id):
            raise AgentAnswerInvalid(
                f"the agent of {self._app_id} sends events of another application, "
                f"{snapshot.app_id}"
            )
        self.last = snapshot
        return snapshot
