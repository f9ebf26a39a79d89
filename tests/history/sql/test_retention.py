"""Which runs are forgotten, which stay, and that nothing of them is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import sessionmaker

from airflow_enel.domain import RunState
from airflow_enel.history.sql import retention as module
from airflow_enel.history.sql.repository import SqlHistory
from airflow_enel.history.sql.retention import Limits, Removal, Retention
from airflow_enel.history.sql.tables import Base, Job, ModelRecord
from tests.support.builders import samples

DAY_S = 86_400.0
NOW = samples.NOON


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database; SQLite's does not enforce foreign keys, as outside of Airflow."""
    url = f"sqlite:///{tmp_path}/history.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


Add = Callable[..., str]


@pytest.fixture
def history(engine: Engine) -> SqlHistory:
    return SqlHistory(sessionmaker(engine).begin)


@pytest.fixture
def retention(engine: Engine) -> Retention:
    return Retention(sessionmaker(engine).begin)


@pytest.fixture
def add(history: SqlHistory) -> Add:
    """Store a run that was submitted some days ago, with one row of everything."""

    def store(days: float, state: RunState = RunState.SUCCEEDED, **changes: Any) -> str:
        run = samples.run(submitted_at=NOW - days * DAY_S, **changes)
        history.open_run(run, None)
        history.save_components(run.key.id, (samples.component(),))
        history.intend(run.key.id, samples.step())
        if state is not RunState.SUBMITTED:
            history.finish_run(run.key.id, samples.outcome(state))
        return run.key.id

    return store


def removed(retention: Retention, **limits: Any) -> set[str]:
    return {i for r in retention.plan(Limits(**limits), NOW) for i in r.run_ids}


def rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_the_newest_succeeded_runs_of_each_job_stay(retention: Retention, add: Add) -> None:
    ours = [add(days) for days in range(8)]
    theirs = [add(days, dag_id="other") for days in range(3)]
    assert removed(retention, keep_runs=5) == set(ours[5:])
    assert not removed(retention, keep_runs=5) & set(theirs)


def test_newer_failures_do_not_push_out_runs_that_succeeded(retention: Retention, add: Add) -> None:
    good = [add(10 + days) for days in range(4)]
    bad = [add(days, RunState.FAILED) for days in range(6)]
    assert removed(retention, keep_runs=4) == set(bad[4:])
    assert not removed(retention, keep_runs=4) & set(good)


def test_runs_at_sizes_that_are_learned_from_stay(retention: Retention, add: Add) -> None:
    for days in range(3):
        add(days, initial_executors=4)
    rare = [add(10 + days, initial_executors=8) for days in range(5)]
    assert removed(retention, keep_runs=3) == set(rare[3:])


def test_runs_within_the_days_stay(retention: Retention, add: Add) -> None:
    add(29.9)
    old = {add(30.1), add(300, RunState.FAILED)}
    assert removed(retention, older_than_days=30) == old


def test_a_run_without_an_end_goes_by_its_age_only(retention: Retention, add: Add) -> None:
    runs = [add(days, RunState.SUBMITTED) for days in (1, 40)]
    for days in range(9):
        add(days, RunState.SUBMITTED)
    assert removed(retention, keep_runs=1) == set()
    assert removed(retention, older_than_days=30) == {runs[1]}


@pytest.mark.parametrize("state", [RunState.KILLED, RunState.LOST, RunState.FAILED])
def test_every_final_state_is_counted(retention: Retention, add: Add, state: RunState) -> None:
    runs = [add(days, state) for days in range(3)]
    assert removed(retention, keep_runs=1) == set(runs[1:])


def test_with_both_limits_a_run_must_be_beyond_both(retention: Retention, add: Add) -> None:
    runs = [add(days) for days in (1, 2, 3, 4, 50, 60)]
    assert removed(retention, keep_runs=5, older_than_days=30) == {runs[5]}
    assert removed(retention, keep_runs=3, older_than_days=30) == set(runs[4:])


def test_nothing_of_a_removed_run_is_left(
    retention: Retention, add: Add, engine: Engine, history: SqlHistory
) -> None:
    kept = add(1)
    for days in range(40, 45):
        add(days)
        add(days, job_key="gone", dag_id="gone")
    with sessionmaker(engine).begin() as session:
        job_id = session.scalar(select(Job.id).where(Job.job_key == "gone"))
        values = {"name": "m", "kind": "k", "schema_version": 1, "manifest": "{}", "weights": b""}
        session.add(ModelRecord(**values, job_id=job_id, sha256="0", created_at=NOW))
    jobs = retention.remove(retention.plan(Limits(older_than_days=30), NOW))
    assert jobs == 1
    one_of_each = dict.fromkeys(rows(engine), 1) | {"enel_models": 0, "enel_switches": 0}
    assert rows(engine) == one_of_each
    assert len(history.components(kept)[0].stages) == len(history.decisions(kept)) == 1


def test_a_plan_changes_nothing(retention: Retention, add: Add, engine: Engine) -> None:
    add(40)
    before = rows(engine)
    plan = retention.plan(Limits(older_than_days=30), NOW)
    assert [replace(r, run_ids=()) for r in plan] == [
        Removal(
            "sales", "job", (), 0, pytest.approx(NOW - 40 * DAY_S), pytest.approx(NOW - 40 * DAY_S)
        )
    ]
    assert rows(engine) == before


def test_removing_twice_removes_nothing_more(
    retention: Retention, add: Add, engine: Engine
) -> None:
    add(1)
    add(40)
    plan = retention.plan(Limits(older_than_days=30), NOW)
    retention.remove(plan)
    before = rows(engine)
    assert retention.remove(plan) == 0
    assert retention.plan(Limits(older_than_days=30), NOW) == ()
    assert rows(engine) == before


def test_runs_go_in_batches_of_their_own(
    retention: Retention, add: Add, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(module, "RUNS_PER_BATCH", 2)
    for _ in range(5):
        add(40)
    left: list[tuple[int, int]] = []
    retention.remove(
        retention.plan(Limits(older_than_days=30), NOW),
        lambda count: left.append((count, rows(engine)["enel_runs"])),
    )
    assert left == [(2, 3), (2, 1), (1, 0)]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, "say what may be removed"),
        ({"keep_runs": 0}, "at least 1"),
        ({"older_than_days": 0}, "more than 0"),
        ({"older_than_days": float("nan")}, "more than 0"),
        ({"older_than_days": float("inf")}, "more than 0"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(limits: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Limits(**limits)
