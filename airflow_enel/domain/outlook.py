"""What is known of a DAG run before one of its tasks submits an application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from airflow_enel.domain.wire import STRICT


@dataclass(frozen=True, slots=True)
class DagRunOutlook:
    """Deadlines of a DAG run, and what of it takes time besides the application itself.

    :param deadlines_at: of the ``DeadlineAlert``s of the DAG, ascending
    :param following: task ids of the chain of tasks that follow and takes longest, in their order
    :param following_s: seconds that this chain is expected to take
    :param without_history: tasks that follow and have never run, some of them; they count as 0 s
    :param start_up_s: seconds from submission to start that past runs took, None without any
    """

    __pydantic_config__: ClassVar = STRICT

    deadlines_at: tuple[float, ...] = ()
    following: tuple[str, ...] = ()
    following_s: float = 0.0
    without_history: tuple[str, ...] = ()
    start_up_s: float | None = None
