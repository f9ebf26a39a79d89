"""Changes of the number of executors that were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_enel.domain.snapshot import ScaleRequest


@dataclass(frozen=True, slots=True)
class Change:
    """An accepted request that changed the number of executors.

    :param at: seconds since the epoch
    """

    at: float
    before: int
    after: int


def changes_of(initial: int, requests: Iterable[ScaleRequest]) -> list[Change]:
    """Requests that changed the number, oldest first.

    :param initial: executors that the application was started with, 0 if that is not known
    :param requests: oldest first
    """
    changes, before = [], initial
    for request in requests:
        if before and request.executors != before:
            changes.append(Change(request.requested_at, before, request.executors))
        before = request.executors
    return changes
