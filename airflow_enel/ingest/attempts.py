"""Orders the attempts at YARN applications: only the last one is the run, the others failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from airflow_enel.domain import Snapshot
from airflow_enel.spark.eventlog import PassedOver, UnusableLog, read_log


@dataclass(frozen=True, slots=True)
class Attempts:
    """When the attempts began, by the id of their application and their number."""

    starts: Mapping[str, Mapping[int, float]]

    def next_start(self, app_id: str, attempt: int) -> float | None:
        """When the next attempt after one began, None if there is none."""
        later = {n: at for n, at in self.starts.get(app_id, {}).items() if n > attempt}
        return later[min(later)] if later else None


NO_ATTEMPTS = Attempts({})


def find_attempts(logs: Iterable[Path]) -> tuple[tuple[Path, ...], Attempts]:
    """Read the beginnings of event logs.

    :return: the logs, earlier attempts first and else in their order, and what was found
    """
    numbers: dict[Path, int] = {}
    starts: dict[str, dict[int, float]] = {}
    for log in logs:
        application, numbers[log] = _beginning(log)
        if application is not None and application.app_id and application.started_at is not None:
            starts.setdefault(application.app_id, {})[numbers[log]] = application.started_at
    return tuple(sorted(numbers, key=lambda log: numbers[log])), Attempts(starts)


def _beginning(log: Path) -> tuple[Snapshot | None, int]:
    found: tuple[Snapshot | None, int] = None, 1

    def on_start(application: Snapshot, attempt: int) -> None:
        nonlocal found
        found = application, attempt
        raise PassedOver

    with suppress(PassedOver, UnusableLog):
        read_log(log, on_start)
    return found
