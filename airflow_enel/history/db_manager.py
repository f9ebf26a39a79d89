"""The DB manager with which ``airflow db migrate`` creates and upgrades our tables."""

from __future__ import annotations

from pathlib import Path

from airflow.utils.db import DBLocks, create_global_lock
from airflow.utils.db_manager import BaseDBManager
from alembic import command

from airflow_enel.history.sql.tables import Base

_HERE = Path(__file__).parent


class EnelDBManager(BaseDBManager):
    """Creates, upgrades, downgrades and drops the ``enel_…`` tables.

    Airflow finds it through the provider's ``db-managers``.
    """

    metadata = Base.metadata
    version_table_name = "alembic_version_enel"
    migration_dir = str(_HERE / "migrations")
    alembic_file = str(_HERE / "alembic.ini")
    supports_table_dropping = True
    revision_heads_map = {"0.1.0": "0006"}  # noqa: RUF012 - declared so by the base class

    def downgrade(
        self, to_revision: str, from_revision: str | None = None, show_sql_only: bool = False
    ) -> None:
        """Take back migrations down to a revision, or write the SQL that does it.

        :param to_revision: where to stop; "base" removes all tables
        :param from_revision: where the SQL begins, the present revision if not given
        """
        config = self.get_alembic_config()  # type: ignore[no-untyped-call]
        if show_sql_only:
            begin = from_revision or self.get_current_revision()  # type: ignore[no-untyped-call]
            command.downgrade(config, f"{begin}:{to_revision}", sql=True)
            return
        self._release_metadata_locks_if_needed()
        with create_global_lock(self.session, lock=DBLocks.MIGRATIONS):
            command.downgrade(config, to_revision)
