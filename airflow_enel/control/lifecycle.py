"""Lifecycle of a driver and its task: the tables of ``docs/lifecycle.md``, row by row.

A Spark application outlives the task that submitted it. What a try does about the application of
an earlier try, and whether a driver runs on when its task is stopped, is decided here and nowhere
else, from the status of the earlier attempt alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from airflow_enel.domain import ENDED_RUN_STATES, DriverStatus, RunState, TaskStanding

_RUNNING: Final = "running"


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """Status of the application that an earlier try has submitted.

    :param driver: what this worker shows of it
    :param submitted_here: True if this worker is where it was submitted
    :param recorded: its state in the history, None if it is unknown
    :param agent_answers: True if its agent was reached over the network
    :param handed_over: True if the task that submitted it did not wait for it, and succeeded
    """

    driver: DriverStatus
    submitted_here: bool
    recorded: RunState | None
    agent_answers: bool
    handed_over: bool = False


class Action(str, Enum):
    """What a try does first.

    ``REPLACE`` ends what is left of the earlier application, waits until it is gone, and submits.
    ``REPORT`` passes on the result of an application that has succeeded while no task ran.
    ``WAIT`` is for the unknown, which is not dead: look again, and fail in the end.
    """

    SUBMIT = "submit"
    FOLLOW = "follow"
    FOLLOW_AGENT = "follow by its agent"
    REPORT = "report"
    REPLACE = "replace"
    WAIT = "wait"


def first_action(found: AttemptStatus | None, *, durable: bool = True) -> Action:
    """What a try does about an earlier application whose result no task has delivered.

    :param found: None if there is no such application
    :param durable: False if the author wants every try to submit anew
    """
    if found is None:
        return Action.SUBMIT
    if found.driver is DriverStatus.ABSENT:
        return _action_without_driver(found, durable=durable)
    if found.driver is DriverStatus.OVER or found.handed_over or not durable:
        return Action.REPLACE
    return Action.FOLLOW


def _action_without_driver(found: AttemptStatus, *, durable: bool) -> Action:
    if found.agent_answers:
        wanted = durable and not found.handed_over
        return Action.FOLLOW_AGENT if wanted else Action.REPLACE
    if found.recorded is RunState.SUCCEEDED and durable and not found.handed_over:
        return Action.REPORT
    if found.recorded in ENDED_RUN_STATES or found.submitted_here:
        return Action.SUBMIT  # a driver does not outlive its machine
    return Action.WAIT


def driver_stays(standing: TaskStanding | None, *, retry_remains: bool) -> bool:
    """Whether a driver runs on when its task gets SIGTERM: after an eviction, not after a user.

    :param standing: None if the API server does not answer. No user can have acted either
        then, as that takes the same API server
    :param retry_remains: as the task knew it at its start, for an API server that does not answer
    """
    if standing is None:
        return retry_remains
    return standing.state == _RUNNING and standing.current and standing.retry_remains
