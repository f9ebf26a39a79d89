"""Alembic's environment: runs our migrations on Airflow's metadata DB."""

from __future__ import annotations

from typing import Any

from airflow import settings
from alembic import context

from airflow_enel.history.db_manager import EnelDBManager

_TABLES = EnelDBManager.metadata.tables


def _include_object(
    _object: object, name: str | None, kind: str, _reflected: bool, _other: object
) -> bool:
    # Everything else in the database is Airflow's or other providers'.
    return kind != "table" or name in _TABLES


_OPTIONS: dict[str, Any] = {
    "target_metadata": EnelDBManager.metadata,
    "include_object": _include_object,
    "compare_type": True,
    "compare_server_default": True,
    "render_as_batch": True,  # SQLite cannot alter columns in place
}


def _offline() -> None:
    context.configure(
        url=settings.SQL_ALCHEMY_CONN,
        literal_binds=True,
        version_table=EnelDBManager.version_table_name,
        **_OPTIONS,
    )
    with context.begin_transaction():
        context.run_migrations()


def _online() -> None:
    with settings.get_engine().connect() as connection:  # type: ignore[no-untyped-call]
        context.configure(
            connection=connection,
            transaction_per_migration=True,
            version_table=EnelDBManager.version_table_name,
            **_OPTIONS,
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    _offline()
else:
    _online()
