"""State of a task instance, as Airflow's API server knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_enel.domain.wire import STRICT


@dataclass(frozen=True, slots=True)
class TaskStanding:
    """Airflow's state of the task instance of a try.

    :param state: Airflow's state of the task instance, None if it has none
    :param current: False if a later try has replaced the one that asks
    :param retry_remains: True if another try follows should this one fail
    """

    __pydantic_config__: ClassVar = STRICT

    state: str | None
    current: bool
    retry_remains: bool
