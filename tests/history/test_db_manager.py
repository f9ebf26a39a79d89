# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""The tables as Airflow's own commands make, check, downgrade and drop them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.orm import sessionmaker

OURS = {
    "enel_jobs",
    "enel_runs",
    "enel_components",
    "enel_stages",
    "enel_decisions",
    "enel_models",
    "enel_switches",
}


@pytest.fixture(params=["sqlite", "postgres"])
def manager(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The DB manager on an empty database in the place of Airflow's."""
    from airflow import settings

    from airflow_enel.history.db_manager import EnelDBManager

    url = f"sqlite:///{tmp_path}/empty.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    monkeypatch.setattr(settings, "engine", engine)
    monkeypatch.setattr(settings, "SQL_ALCHEMY_CONN", url)
    with sessionmaker(engine)() as session:
        yield EnelDBManager(session)
    engine.dispose()


def tables(manager: Any) -> set[str]:
    manager.session.rollback()
    return set(sa.inspect(manager.session.get_bind()).get_table_names())


def assert_no_drift(manager: Any) -> None:
    command.check(manager.get_alembic_config())


def described(manager: Any) -> dict[str, Any]:
    """All that a database tells of our tables: more than what alembic compares."""
    manager.session.rollback()
    inspector = sa.inspect(manager.session.get_bind())
    return {
        table: {
            "columns": [
                c | {"type": repr(c["type"])} for c in map(dict, inspector.get_columns(table))
            ],
            "primary key": inspector.get_pk_constraint(table),
            "foreign keys": inspector.get_foreign_keys(table),
            "indexes": sorted(inspector.get_indexes(table), key=str),
            "unique": inspector.get_unique_constraints(table),
            "checks": inspector.get_check_constraints(table),
        }
        for table in sorted(OURS)
    }


def test_migrate_creates_the_tables_and_marks_them_as_the_latest(manager: Any) -> None:
    manager.initdb()
    assert tables(manager) == OURS | {"alembic_version_enel"}
    assert manager.check_migration()
    assert_no_drift(manager)


def test_migration_files_make_the_same_tables_as_the_classes(manager: Any) -> None:
    manager.initdb(use_migration_files=True)
    assert tables(manager) == OURS | {"alembic_version_enel"}
    assert manager.check_migration()
    assert_no_drift(manager)


@pytest.mark.parametrize("use_migration_files", [False, True])
def test_down_to_nothing_and_up_again_gives_exactly_the_same(
    manager: Any, use_migration_files: bool
) -> None:
    manager.initdb(use_migration_files=use_migration_files)
    before = described(manager)
    manager.downgrade("base")
    manager.session.commit()
    manager.upgradedb(to_revision="heads")
    assert described(manager) == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["ALTER TABLE enel_runs DROP COLUMN violation_s"], "violation_s"),
        (["DROP INDEX ix_enel_models_kind_job_id_created_at"], "kind_job_id_created_at"),
        (
            [
                "ALTER TABLE enel_runs DROP COLUMN app_id",
                "ALTER TABLE enel_runs ADD COLUMN app_id INTEGER",
            ],
            "app_id",
        ),
        (
            [
                "ALTER TABLE enel_runs DROP COLUMN app_id",
                "ALTER TABLE enel_runs ADD COLUMN app_id TEXT DEFAULT 'none'",
            ],
            "app_id",
        ),
        (
            [
                "ALTER TABLE enel_runs DROP COLUMN app_id",
                "ALTER TABLE enel_runs ADD COLUMN app_id TEXT NOT NULL DEFAULT ''",
            ],
            "app_id",
        ),
    ],
    ids=["column", "index", "type", "default", "nullable"],
)
def test_a_difference_between_classes_and_migrations_is_noticed(
    manager: Any, changes: list[str], named: str
) -> None:
    manager.initdb(use_migration_files=True)
    with manager.session.get_bind().begin() as connection:
        for change in changes:
            connection.execute(sa.text(change))
    with pytest.raises(Exception, match=named):
        assert_no_drift(manager)


def test_tables_of_others_are_left_alone(manager: Any) -> None:
    with manager.session.get_bind().begin() as connection:
        connection.execute(sa.text("CREATE TABLE of_others (id INTEGER)"))
    manager.initdb(use_migration_files=True)
    assert_no_drift(manager)
    manager.downgrade("base")
    assert "of_others" in tables(manager)


def test_downgrade_removes_the_tables_and_upgrade_brings_them_back(manager: Any) -> None:
    manager.initdb()
    manager.session.commit()
    manager.downgrade("base")
    assert tables(manager) == {"alembic_version_enel"}
    manager.session.commit()
    manager.upgradedb(to_revision="heads")
    assert tables(manager) >= OURS
    assert_no_drift(manager)


def test_downgrade_can_be_written_as_sql_without_touching_anything(
    manager: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    manager.initdb()
    manager.session.commit()
    manager.downgrade("base", show_sql_only=True)
    assert "DROP TABLE enel_runs" in capsys.readouterr().out
    assert tables(manager) >= OURS


def add_run_of_the_first_schema(manager: Any) -> None:
    """Write a run and its component as they were before there were deadlines."""
    rows = {
        "enel_jobs": {"id": 1, "dag_id": "dag", "job_key": "job"},
        "enel_runs": {
            "id": "a run",
            "job_id": 1,
            "run_id": "run",
            "task_id": "task",
            "map_index": -1,
            "submit_try": 1,
            "application": "a.py",
            "policy": "ellis",
            "min_executors": 1,
            "max_executors": 8,
            "runtime_target_s": 60.0,
            "initial_executors": 8,
            "submitted_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "state": "succeeded",
            "foreign_operator": False,
            "context": {},
        },
        "enel_models": {
            "id": 1,
            "name": "m",
            "kind": "enel",
            "job_id": 1,
            "schema_version": 1,
            "manifest": "{}",
            "weights": b"",
            "sha256": "0",
            "created_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
        },
    }
    engine = manager.session.get_bind()
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table, row in rows.items():
            connection.execute(tables.tables[table].insert().values(**row))


def test_runs_of_the_released_schema_survive_the_upgrade_and_the_way_back(manager: Any) -> None:
    from airflow_enel.history.sql.repository import SqlHistory

    manager.upgradedb(to_revision="0001")
    manager.session.commit()
    add_run_of_the_first_schema(manager)
    manager.upgradedb(to_revision="heads")
    assert_no_drift(manager)
    history = SqlHistory(sessionmaker(manager.session.get_bind()).begin)
    (row,) = history.runs("dag")
    assert (row.run.runtime_target_s, row.run.target_source, row.run.deadline_at) == (
        60,
        None,
        None,
    )
    manager.session.commit()
    manager.downgrade("0001")
    with manager.session.get_bind().connect() as connection:
        kept = connection.execute(sa.text("SELECT id, runtime_target_s FROM enel_runs")).all()
        models = connection.execute(sa.text("SELECT name FROM enel_models")).all()
    assert (kept, models) == ([("a run", 60.0)], [("m",)])


def test_reset_drops_the_tables_and_the_version(manager: Any) -> None:
    manager.initdb()
    manager.session.commit()
    with manager.session.get_bind().begin() as connection:
        manager.drop_tables(connection)
    assert tables(manager) == set()


def test_the_map_of_versions_names_the_latest_revision(manager: Any) -> None:
    from airflow_enel import __version__

    assert manager.get_script_object().get_heads() == [manager.revision_heads_map[__version__]]


def test_airflow_finds_the_manager_and_has_made_its_tables(airflow_db: None) -> None:
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.db_manager import RunDBManager
    from airflow.utils.session import create_session

    assert "airflow_enel.history.db_manager.EnelDBManager" in ProvidersManager().db_managers
    manager = RunDBManager()
    manager.validate()
    with create_session(scoped=False) as session:
        assert manager.check_migration(session)
        assert set(sa.inspect(session.get_bind()).get_table_names()) >= OURS
