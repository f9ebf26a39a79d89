"""An application whose policy asks for one executor more at every barrier."""

from __future__ import annotations

import logging
from typing import Any, cast

from airflow_enel.control.decide import ScalingConfig
from airflow_enel.control.guards import BASELINE_GUARDS
from airflow_enel.control.policies import Policy
from airflow_enel.control.policies.base import PolicyContext
from airflow_enel.domain import Bounds, Proposal, Run
from airflow_enel.execution.history_writer import ImmediateWriter
from airflow_enel.execution.observer import Observer
from airflow_enel.execution.scaling_config import MonitoredRun
from airflow_enel.history.interface import History
from tests.support.builders import spark_events as e
from tests.support.fakes.agents import page

_EVENTS = 4  # of a component


def _one_more(context: PolicyContext) -> Proposal:
    return Proposal(context.progress.requested + 1, "one more")


GROWING = Policy("growing", _one_more, needs_target=False, guards=BASELINE_GUARDS)


class GrowingApplication:
    """Answers as its agent, and has an observer that writes to a history.

    It has 2 executors and a finished component.

    :ivar sent: bodies of the requests for executors
    """

    def __init__(self, run: Run, history: History) -> None:
        self.events = e.simple_run(components=1)[:-1]
        self.components = 1
        self.sent: list[dict[str, Any]] = []
        config = ScalingConfig(GROWING, None, None, Bounds(1, 9), 1)
        log = cast("Any", logging.getLogger("growing"))
        self.observer = Observer(
            MonitoredRun.of(run.key, config, ()), ImmediateWriter(history), log
        )

    def finish_component(self) -> None:
        self.components += 1
        self.events += e.simple_run(self.components)[-_EVENTS - 1 : -1]

    def __call__(self, method: str, _: str, body: dict[str, Any]) -> tuple[int, bytes]:
        if method == "GET":
            return 200, page(self.events)
        self.sent.append(body)
        at = 2.0 + 10.0 * self.components
        self.events.append(e.scale_accepted(body["executors"], body["epoch"], at))
        return 200, b'{"accepted": true, "executors": 2, "message": ""}'
