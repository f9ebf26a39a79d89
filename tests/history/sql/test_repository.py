# ruff: noqa: PLC0415 - Airflow takes seconds to import: only where a test needs it
"""What only the database side promises: queries, secrets, races, errors."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import AgentAccess, AgentAddress
from airflow_enel.history.interface import HistoryRefused, HistoryUnavailable
from airflow_enel.history.sql.columns import UtcSeconds
from airflow_enel.history.sql.repository import SqlHistory
from tests.support.builders import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.history.conftest import Kept


@contextmanager
def statements() -> Iterator[list[str]]:
    from airflow import settings

    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(settings.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(settings.engine, "before_cursor_execute", note)


def scalar(statement: str, **values: Any) -> Any:
    from airflow import settings

    with settings.engine.connect() as connection:
        return connection.execute(sa.text(statement), values).scalar()


@given(st.integers(-(10**15), 4 * 10**15))
def test_moments_survive_to_the_microsecond(microseconds: int) -> None:
    column, moment = UtcSeconds(), microseconds / 1e6
    stored = column.process_bind_param(moment, None)  # type: ignore[arg-type]
    assert column.process_result_value(stored, None) == moment  # type: ignore[arg-type][arg-type]
    assert column.process_result_value(stored.replace(tzinfo=None), None) == moment  # type: ignore[arg-type]


@pytest.mark.parametrize("stages", [False, True])
def test_past_runs_take_a_few_queries_however_many_there_are(sql: Kept, stages: bool) -> None:
    dag = f"dag-{uuid4()}"
    for number in range(5):
        run = samples.run(dag, initial_executors=number // 2 + 1)
        history = sql.opened(run)
        history.save_components(run.key.id, tuple(map(samples.component, range(3))))
        history.finish_run(run.key.id, samples.outcome(started_at=samples.NOON + number))
    with statements() as seen:
        assert len(sql.stored.past_runs(dag, "job", 3, stages=stages)) == 5
    assert len(seen) == 7


def test_a_replay_writes_nothing(sql: Kept) -> None:
    run = samples.run()
    history = sql.opened(run)
    history.save_components(run.key.id, (samples.component(),))
    with statements() as seen:
        history.save_components(run.key.id, (samples.component(),))
    touched = [s for s in seen if "enel_components" in s or "enel_stages" in s]
    assert touched
    assert all(s.lstrip().startswith("SELECT") for s in touched)


@pytest.mark.parametrize(
    "asked", ["past_runs", "with stages", "runs of a job", "runs of a DAG", "all runs"]
)
def test_the_latest_runs_are_found_by_indexes_without_reading_the_others(
    sql: Kept, asked: str
) -> None:
    from airflow import settings

    dag = f"dag-{uuid4()}"
    for number in range(3):
        run = samples.run(dag, initial_executors=number + 1)
        sql.opened(run).finish_run(run.key.id, samples.outcome())
    questions = {
        "past_runs": lambda: sql.stored.past_runs(dag, "job", 1),
        "with stages": lambda: sql.stored.past_runs(dag, "job", 1, stages=True),
        "runs of a job": lambda: sql.stored.runs(dag, "job", 2),
        "runs of a DAG": lambda: sql.stored.runs(dag, limit=2),
        "all runs": lambda: sql.stored.runs(limit=2),
    }
    with statements() as seen:
        assert len(questions[asked]()) >= 2
    about_runs = [s for s in seen if "FROM enel_runs" in s or "WITH RECURSIVE" in s]
    assert about_runs
    with settings.engine.connect() as connection:
        for statement in about_runs:
            values = (1,) * statement.count("?")
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            plan = [row[3] for row in rows]
            scans = [line for line in plan if line.startswith("SCAN enel_runs")]
            assert all("ix_enel_runs_submitted_at" in line for line in scans), plan
            searches = [line for line in plan if line.startswith("SEARCH enel_runs")]
            assert all("job_id=?" in line or "(id=?)" in line for line in searches), plan
            if "enel_runs.id IN" not in statement:  # these few may well be sorted
                assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_the_latest_runs_of_a_dag_come_from_all_its_jobs(
    sql: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_enel.history.sql import latest_runs

    monkeypatch.setattr(latest_runs, "_JOBS_PER_QUERY", 2)
    dag = f"dag-{uuid4()}"
    jobs = [0, 3, 1, 4, 2, 0, 3, 1]
    for number, job in enumerate(jobs):
        sql.opened(samples.run(dag, f"job-{job}", submitted_at=samples.NOON + number))
    keys = [row.run.job_key for row in sql.stored.runs(dag, limit=5)]
    assert keys == [f"job-{job}" for job in jobs[::-1][:5]]


def test_the_agents_token_stands_in_the_table_as_ciphertext(sql: Kept) -> None:
    run = samples.run()
    history = sql.opened(run, "very-secret")
    stored = scalar("SELECT agent_token FROM enel_runs WHERE id = :id", id=run.key.id)
    assert stored
    assert "very-secret" not in stored
    history.save_agent(run.key.id, AgentAddress("h", 1))
    assert history.agent_of(run.key.id) == AgentAccess("very-secret", AgentAddress("h", 1))


def test_rows_for_people_carry_no_token(sql: Kept) -> None:
    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    sql.opened(run, "very-secret").save_agent(run.key.id, AgentAddress("h", 1))
    with statements() as seen:
        assert "very-secret" not in repr(sql.stored.runs(dag))
    assert not any("agent_token" in s for s in seen)


def test_without_a_fernet_key_no_token_is_stored(
    sql: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.crypto import get_fernet

    run = samples.run()
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "")
    get_fernet.cache_clear()
    try:
        history = sql.opened(run, "very-secret")
    finally:
        monkeypatch.undo()
        get_fernet.cache_clear()
    history.save_agent(run.key.id, AgentAddress("h", 1))
    assert scalar("SELECT agent_token FROM enel_runs WHERE id = :id", id=run.key.id) is None
    assert history.agent_of(run.key.id) is None


def test_a_token_of_a_lost_key_is_refused_with_advice(sql: Kept) -> None:
    from airflow import settings

    run = samples.run()
    history = sql.opened(run)
    history.save_agent(run.key.id, AgentAddress("h", 1))
    with settings.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE enel_runs SET agent_token = 'gAAAAAB' WHERE id = :id"),
            {"id": run.key.id},
        )
    with pytest.raises(HistoryRefused, match="fernet_key"):
        history.agent_of(run.key.id)
    history.open_run(run, "new")
    assert history.agent_of(run.key.id) == AgentAccess("new", AgentAddress("h", 1))


def test_of_many_writers_at_once_one_records_the_decision(sql: Kept) -> None:
    run = samples.run()
    history = sql.opened(run)
    with ThreadPoolExecutor(8) as pool:
        news = list(pool.map(lambda _: history.intend(run.key.id, samples.step()), range(8)))
    assert sorted(news) == [False] * 7 + [True]


def test_many_first_runs_of_a_job_at_once_share_the_job(sql: Kept) -> None:
    dag = f"dag-{uuid4()}"
    runs = [samples.run(dag) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda run: sql.stored.open_run(run, None), runs))
    assert len(sql.stored.runs(dag)) == 8
    assert scalar("SELECT count(*) FROM enel_jobs WHERE dag_id = :dag", dag=dag) == 1


def test_deleting_a_job_deletes_all_that_belongs_to_it(sql: Kept) -> None:
    from airflow import settings

    dag = f"dag-{uuid4()}"
    run = samples.run(dag)
    history = sql.opened(run)
    history.save_components(run.key.id, (samples.component(),))
    history.intend(run.key.id, samples.step())
    with settings.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM enel_jobs WHERE dag_id = :dag"), {"dag": dag})
    for table in ("components", "stages", "decisions"):
        query = f"SELECT count(*) FROM enel_{table} WHERE run_id = :id"  # noqa: S608
        assert scalar(query, id=run.key.id) == 0


@pytest.mark.parametrize("url", ["sqlite:////no/such/folder/x.db", "sqlite://"])
def test_a_database_that_is_away_or_empty_is_unavailable_and_tells_no_secret(url: str) -> None:
    history = SqlHistory(sessionmaker(sa.create_engine(url)).begin)
    token = uuid4().hex
    with pytest.raises(HistoryUnavailable, match="airflow db migrate") as caught:
        history.open_run(samples.run(), token)
    assert token not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(HistoryUnavailable):
        history.past_runs("dag", "job")


def test_a_process_without_database_is_told_to_use_http(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow import settings

    monkeypatch.setattr(settings, "NonScopedSession", None)
    with pytest.raises(HistoryUnavailable, match="HttpHistory"):
        SqlHistory().runs()
