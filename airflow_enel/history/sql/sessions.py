"""Database sessions whose errors become `HistoryError`, with retries of racing writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session

from airflow_enel.history.interface import HistoryRefused, HistoryUnavailable

T = TypeVar("T")

_ATTEMPTS = 5  # each time another of several writers may be the faster one

SessionFactory = Callable[[], AbstractContextManager[Session]]
"""Gives a session that commits when left well, e.g. ``sessionmaker(engine).begin``."""


def airflow_session() -> AbstractContextManager[Session]:
    """Return a session of its own on Airflow's metadata DB, apart from the thread's session.

    :raises HistoryUnavailable: in tasks and triggers, which have no database
    """
    from airflow import settings  # noqa: PLC0415 - needs a configured Airflow

    if settings.NonScopedSession is None:
        raise HistoryUnavailable("no metadata DB in this process: use HttpHistory")
    session: AbstractContextManager[Session] = settings.NonScopedSession.begin()
    return session


class Sessions:
    """Opens sessions for reading and writing.

    Errors of the database become `HistoryUnavailable` or `HistoryRefused`. They name only the
    kind: texts of database errors quote statements with their parameters.
    """

    def __init__(self, factory: SessionFactory) -> None:
        self._factory = factory

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session."""
        try:
            with self._factory() as session:
                yield session
        except IntegrityError:
            raise
        except DataError as error:
            raise _not_storable(error) from None
        except (DBAPIError, PoolExhausted) as error:
            raise _away(error) from None
        except (StatementError, OverflowError, ValueError) as error:
            raise _not_storable(error) from None  # a value that could not even be sent

    def write(self, work: Callable[[Session], T]) -> T:
        """Do the work in a session, and again if other writers were faster."""
        for _ in range(_ATTEMPTS):  # at each but the first the rows of the others are seen
            with suppress(IntegrityError), self.read() as session:
                return work(session)
        raise HistoryRefused("the values contradict what is stored already")


def _not_storable(error: Exception) -> HistoryRefused:
    return HistoryRefused(
        f"the database cannot hold these values ({_kind(error)}): keep names within 250 "
        "characters, counts within 32 bits, texts without NUL and times in the years 1 to 9999"
    )


def _away(error: Exception) -> HistoryUnavailable:
    return HistoryUnavailable(
        f"the metadata DB did not answer ({_kind(error)}); if this stays, check that it is up "
        "and that `airflow db migrate` was run"
    )


def _kind(error: Exception) -> str:
    return type(getattr(error, "orig", None) or error).__name__
