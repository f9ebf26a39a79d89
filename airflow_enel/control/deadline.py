"""From a deadline to a runtime target: parses deadlines, and subtracts what else takes time.

A deadline is a moment for the DAG run: the tasks that follow must end before it as well. Durations
are elapsed time: two hours after a moment are 7,200 s, also in the night when clocks change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import TYPE_CHECKING, Final

from airflow_enel.control.target import parse_duration
from airflow_enel.domain import TargetSource

if TYPE_CHECKING:
    from airflow_enel.domain import DagRunOutlook

_LONGEST_S: Final = timedelta.max.days * 86400.0  # its seconds as a float are more than it holds
_EXAMPLES: Final = (
    "timedelta(hours=2), 'PT2H', '2:00:00', pendulum.datetime(2026, 1, 2, 6, tz='Europe/Berlin') "
    "or '{{ data_interval_end + macros.timedelta(hours=2) }}'"
)


class DagRunMoment(str, Enum):
    """Moments of a DAG run from which a deadline may be counted, as Airflow calls them."""

    RUN_AFTER = "run_after"
    LOGICAL_DATE = "logical_date"
    DATA_INTERVAL_END = "data_interval_end"
    START_DATE = "start_date"


@dataclass(frozen=True, slots=True)
class Target:
    """How long an application may take so that its DAG run meets a deadline.

    :param runtime_s: seconds, 0 if no time is left
    :param overdue_s: by how much an application that takes no time would be late, 0 if in time
    :param reason: what it was made of, for people
    """

    runtime_s: float
    source: TargetSource
    deadline_at: float
    overdue_s: float
    reason: str


def parse_deadline(value: datetime | timedelta | str | None) -> datetime | timedelta | None:
    """A moment with a time zone, or a time after a moment of the DAG run.

    :param value: one of the two, or a text as a template renders it
    :return: None for None: no deadline
    :raises ValueError: if it is anything else, has no time zone, or is no time greater than 0
    """
    parsed = _parsed(value) if isinstance(value, str) else value
    if parsed is None and value is None:
        return None
    if isinstance(parsed, datetime):
        if parsed.utcoffset() is None:
            raise ValueError(
                f"deadline is {str(value)!r}, which has no time zone; write for instance "
                f"{_EXAMPLES}"
            )
        return parsed
    if isinstance(parsed, timedelta) and parsed > timedelta(0):
        return parsed
    raise ValueError(
        f"deadline is {str(value)!r}; write a datetime with a time zone or a time greater than 0, "
        f"such as {_EXAMPLES}"
    )


def deadline_at(
    deadline: datetime | timedelta,
    moments: Mapping[DagRunMoment, datetime | None],
    reference: DagRunMoment,
) -> float:
    """Seconds since the epoch of a deadline.

    :param moments: of the DAG run, as far as it has them
    :param reference: what a time counts from; a datetime needs none
    :raises ValueError: if the DAG run has no such moment, or the deadline is in no calendar
    """
    if isinstance(deadline, datetime):
        return deadline.timestamp()
    begin = moments.get(reference)
    if begin is None:
        raise ValueError(
            f"deadline is {deadline} after the {reference.value} of the DAG run, which has none; "
            f"set deadline_reference={DagRunMoment.RUN_AFTER.value!r} or "
            f"{DagRunMoment.START_DATE.value!r}"
        )
    # Python would add to the clock on the wall, not to the time that has passed.
    try:
        return (begin.astimezone(timezone.utc) + deadline).timestamp()
    except OverflowError:
        raise ValueError(f"deadline is {deadline}, which is beyond the year 9999") from None


def nearest_deadline(deadlines_at: Collection[float], now: float) -> float | None:
    """The next deadline; the last one if all have passed, None if there are none."""
    ahead = [at for at in deadlines_at if at > now]
    return min(ahead) if ahead else max(deadlines_at, default=None)


def target_of_deadline(
    at: float, source: TargetSource, outlook: DagRunOutlook | None, now: float
) -> Target:
    """The time until a deadline without what follows in the DAG run and without the start.

    :param outlook: None if it is not known
    :param now: when the application is submitted
    """
    following_s = outlook.following_s if outlook else 0.0
    start_up_s = (outlook.start_up_s or 0.0) if outlook else 0.0
    left_s = at - now - following_s - start_up_s
    return Target(
        runtime_s=max(left_s, 0.0),
        source=source,
        deadline_at=at,
        overdue_s=max(-left_s, 0.0),
        reason=_reason(at, source, outlook, now),
    )


def _reason(at: float, source: TargetSource, outlook: DagRunOutlook | None, now: float) -> str:
    moment = datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    left = f"is {at - now:.0f} s ahead" if at >= now else f"has passed {now - at:.0f} s ago"
    parts = [f"the deadline {moment} ({source.value}) {left}"]
    if outlook is None:
        return f"{parts[0]}; how long the start and the tasks that follow take is not known"
    if outlook.following:
        chain = " → ".join(outlook.following)
        parts.append(f"{outlook.following_s:.0f} s are kept for the tasks that follow ({chain})")
    if outlook.start_up_s:
        parts.append(f"{outlook.start_up_s:.0f} s for the start")
    if outlook.without_history:
        parts.append(f"nothing for {', '.join(outlook.without_history)}, without a history")
    return ", ".join(parts)


def _parsed(text: str) -> datetime | timedelta | None:
    seconds = parse_duration(text)
    if seconds is not None:
        return timedelta(seconds=min(seconds, _LONGEST_S))
    text = text.strip()
    if text.isdigit():  # a date in a short form, or seconds: it is not to be guessed
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z") + "+00:00" * text.endswith("Z"))
    except ValueError:
        return None
