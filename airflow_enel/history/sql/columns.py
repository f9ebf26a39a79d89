"""SQLAlchemy column types: UTC timestamps as float seconds, and encrypted secrets."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from sqlalchemy import DateTime, Text
from sqlalchemy.types import TypeDecorator

from airflow_enel.history.interface import HistoryRefused

if TYPE_CHECKING:
    from sqlalchemy import Dialect

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS = 1_000_000


class UtcSeconds(TypeDecorator[float]):
    """Seconds since the epoch in Python, a UTC timestamp in the database.

    Exact to the microsecond, both ways: whole microseconds are counted, nothing passes through
    `datetime.fromtimestamp`, which rounds differently.

    :raises ValueError: for a moment outside the years 1 to 9999
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn seconds into a timestamp."""
        if value is None:
            return None
        try:
            return _EPOCH + timedelta(microseconds=round(value * _MICROSECONDS))
        except OverflowError:
            raise ValueError("a time of day must lie in the years 1 to 9999") from None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """Turn a timestamp into seconds; SQLite forgets the time zone, which is UTC."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return ((aware - _EPOCH) // _MICROSECOND) / _MICROSECONDS


class Sealed(TypeDecorator[str]):
    """A secret, encrypted with Airflow's Fernet key.

    Without a key nothing is stored: a secret never stands in a table as it is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Encrypt."""
        from airflow.models.crypto import get_fernet  # noqa: PLC0415 - needs a configured Airflow

        if value is None:
            return None
        fernet = get_fernet()
        if not fernet.is_encrypted:
            log.warning(
                "[core] fernet_key is empty: the token of the Spark agent is not stored, so "
                "retries, sensors and triggers cannot reach it. Set a key."
            )
            return None
        return fernet.encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Decrypt.

        :raises HistoryRefused: if the key has changed
        """
        from airflow.models.crypto import get_fernet  # noqa: PLC0415
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        if value is None:
            return None
        try:
            return get_fernet().decrypt(value.encode()).decode()
        except InvalidToken:
            raise HistoryRefused(
                "the agent's token was stored with another [core] fernet_key: keep the old key "
                "behind the new one, separated by a comma"
            ) from None
