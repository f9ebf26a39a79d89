"""Counts what is wrong with the events of an application, and says the first of it in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from airflow_enel.spark.event_fields import Event

_T = TypeVar("_T")
UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What reading a field of a wrong kind raises."""

CLOCK_SLACK_S: Final = 1.0
"""By as much may times be out of order: events come from several threads, clocks get corrected."""


@dataclass(slots=True)
class EventDefects:
    """What is wrong with the events of one application.

    :param strict: whether a field that could be done without makes its event unreadable
    :ivar unreadable: events that could not be read
    :ivar first_unreadable: the kind of the first of them, and why
    :ivar unreadable_fields: fields that were left out of events; the run can be learned from
    :ivar first_field: the name of the first of them
    :ivar contradiction: the first time that lies before one that it must follow, in words
    :ivar missing: a part of the run that its log does not hold, in words
    """

    strict: bool = True
    unreadable: int = 0
    first_unreadable: str = ""
    unreadable_fields: int = 0
    first_field: str = ""
    contradiction: str = ""
    missing: str = ""

    def optional(self, read: Callable[[Event, str], _T], event: Event, name: str) -> _T | None:
        """Read a field that could be done without; raises as ``read`` does if that is strict."""
        try:
            return read(event, name)
        except UNREADABLE:
            if self.strict:
                raise
            self.unreadable_fields += 1
            self.first_field = self.first_field or name
            return None

    def add_unreadable(self, kind: object, error: Exception) -> None:
        """Count an event that could not be read."""
        self.unreadable += 1
        if not self.first_unreadable:
            self.first_unreadable = f"{str(kind)[:100]}: {_why(error)}"

    def check_order(self, what: str, earlier_at: float | None, at: float) -> None:
        """Note a time that lies before one that it must follow.

        :param what: says what the time is, such as ``the end of job 3``
        :param earlier_at: the latest time that was known before it, None for none
        """
        if earlier_at is not None and at < earlier_at - CLOCK_SLACK_S:
            self.contradict(f"{what} lies {earlier_at - at:,.1f} s before what came before it")

    def contradict(self, what: str) -> None:
        """Note that times contradict each other; the first such note is kept."""
        self.contradiction = self.contradiction or what

    def lack(self, what: str) -> None:
        """Note a part of the run that its log does not hold."""
        self.missing = what

    def in_words(self) -> tuple[str, ...]:
        """Each kind of flaw that keeps a run from being learned from, in a few words."""
        found = []
        if self.unreadable:
            events = counted(self.unreadable, "unreadable event")
            found.append(f"{events}, first {self.first_unreadable}")
        if self.contradiction:
            found.append(f"its times contradict each other: {self.contradiction}")
        if self.missing:
            found.append(self.missing)
        return tuple(found)

    @property
    def field_note(self) -> str | None:
        """Which fields were left out, None for none."""
        if not self.unreadable_fields:
            return None
        fields = counted(self.unreadable_fields, "unreadable field")
        return f"{fields} left out, first {self.first_field!r}"


def _why(error: Exception) -> str:
    why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return why[:200]


def counted(number: int, thing: str) -> str:
    """A number of things, in words: ``1 event``, ``2 events``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
